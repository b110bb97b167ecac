"""`graphopt bench`: times a training op."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphopt.cli.command import FINE, Command, CommandError, print_json, progress
from graphopt.cli.explain import AFTER_DASHES, NoTrainingOp
from graphopt.cli.scripts import add_run_options, run_settings
from graphopt.cli.watching import TrainingRun, watch_script
from graphopt.config import settings
from graphopt.dtypes import float32, int64
from graphopt.errors import ArgumentError, first_line
from graphopt.graph.graph import Graph
from graphopt.graph.variables import global_variables_initializer
from graphopt.runtime.fetching import flatten_feeds
from graphopt.runtime.session import Session
from graphopt.tf1 import framework, layers, math, nn
from graphopt.train.optimize_loss import optimize_loss

_DESCRIPTION = """Time a training op: of a script, whose first run of a training op is made again and again with the same feeds, or of a
network of dense layers with random data.

examples:
  graphopt bench train.py
  graphopt bench --network 784-256-128-10 --batch 32 --optimizer Adam --json
  graphopt bench train.py --steps 1000 --backend numpy -- --data mnist

exit code: 0; 1 when the script runs no training op, or what it exits with when it fails; 2 for wrong usage."""

_LEAST_SECONDS = 0.05
_DEFAULT_NETWORK = "784-256-128-10"


class Timing(NamedTuple):
    """What was measured.

    Attributes:
      first_seconds: the first run, with compiling. seconds: each run after it. plan_seconds: the fastest run of the compiled plan alone.
    """

    first_seconds: float
    seconds: list[float]
    plan_seconds: float


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", nargs="?", help="the Python file")
    parser.usage = f"{parser.prog} [options] [script [-- ARGUMENT ...]]"
    parser.add_argument("--network", type=_sizes, metavar="SIZES", help=f"sizes of dense layers (default: {_DEFAULT_NETWORK})")
    parser.add_argument("--batch", type=_positive, default=32, metavar="N", help="images in a batch, with --network (default: 32)")
    parser.add_argument("--optimizer", default="Adam", metavar="NAME", help="with --network: as optimize_loss takes it (default: Adam)")
    parser.add_argument("--steps", type=_positive, default=200, metavar="N", help="how many runs are timed (default: 200)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_run_options(parser)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a positive whole number is needed, not {text!r}")
    return int(text)


def _sizes(text: str) -> list[int]:
    parts = text.split("-")
    if len(parts) < 2 or not all(part.isdigit() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"sizes such as {_DEFAULT_NETWORK} are needed, not {text!r}")
    return [int(part) for part in parts]


def _run(arguments: argparse.Namespace) -> int:
    if arguments.script and arguments.network:
        raise CommandError("a script or --network, not both.")
    with run_settings(arguments):
        if arguments.script:
            return _time_script(arguments)
        _print_result(_time_network(arguments), arguments)
    return FINE


def _time_script(arguments: argparse.Namespace) -> int:
    results: list[dict[str, Any]] = []

    def at_run(run: TrainingRun) -> None:
        # The result of a run is not needed, only that it is made; the session is the script's own.
        timing = _timed(run.session, run.fetches, run.feeds, arguments.steps)
        results.append(_result(timing, run, arguments.script))

    _, code = watch_script(arguments.script, arguments.arguments, steps=0, at_run=at_run, full_traceback=arguments.full_traceback)
    if code != FINE:
        return code
    if not results:
        raise NoTrainingOp(f"{arguments.script} runs no training op.")
    _print_result(results[0], arguments)
    return FINE


def _time_network(arguments: argparse.Namespace) -> dict[str, Any]:
    sizes = arguments.network or _sizes(_DEFAULT_NETWORK)
    with Graph().as_default() as graph:
        graph.seed = 1
        images = framework.placeholder(float32, [arguments.batch, sizes[0]])
        labels = framework.placeholder(int64, [arguments.batch])
        hidden = images
        for size in sizes[1:-1]:
            hidden = layers.dense(hidden, size, activation=nn.relu)
        loss = math.reduce_mean(nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=layers.dense(hidden, sizes[-1])))
        try:
            train_op = optimize_loss(loss, None, 0.001, arguments.optimizer, summaries=[])
        except ArgumentError as error:
            raise CommandError(first_line(error)) from None
        random = np.random.RandomState(0)
        feeds = {images: random.rand(arguments.batch, sizes[0]).astype(np.float32), labels: random.randint(sizes[-1], size=arguments.batch)}
        with Session() as session:
            session.run(global_variables_initializer())
            timing = _timed(session, train_op, feeds, arguments.steps)
            name = f"{'-'.join(map(str, sizes))}, batch {arguments.batch}, {arguments.optimizer}"
            return _result(timing, TrainingRun(session, [train_op], train_op, feeds, {}), name)


# --- measuring -------------------------------------------------------------------------------------------------------------


def _timed(session: Session, fetches: Any, feeds: Any, steps: int) -> Timing:
    first = _seconds(lambda: session.run(fetches, feeds))
    # The second form of a plan is made when it has run a few times.
    for _ in range(settings().hot_after + 1):
        session.run(fetches, feeds)
    seconds = []
    with progress(steps, "step", "timing") as bar:
        for _ in range(steps):
            seconds.append(_seconds(lambda: session.run(fetches, feeds)))
            bar.update()
    return Timing(first, seconds, _plan_seconds(session.plan_call(fetches, _as_arrays(session, feeds))))


def _as_arrays(session: Session, feeds: Any) -> dict[Any, Any]:
    """Return feeds as the compiled plan takes them."""
    flat = flatten_feeds(session.graph, feeds or {})
    return {tensor: np.asarray(value, tensor.dtype.as_numpy_dtype) for tensor, value in flat.items()}


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _plan_seconds(call: Callable[[], Any]) -> float:
    """Return the fastest of a few runs of the compiled plan."""
    found: list[float] = []
    # A session ignores what NumPy warns of, as TensorFlow does.
    with np.errstate(all="ignore"):
        while sum(found) < _LEAST_SECONDS or len(found) < 5:
            found.append(_seconds(call))
    return min(found)


def _result(timing: Timing, run: TrainingRun, what: str) -> dict[str, Any]:
    """Return what was measured, for JSON."""
    median = statistics.median(timing.seconds)
    described = run.session.description_of(_element(run))
    return {
        "measured": what,
        "training_op": run.train_ops[0].name,
        "backend": run.session.backend,
        "threads": None if described is None else described.threads,
        "steps": len(timing.seconds),
        "steps_per_second": 1 / median,
        "median_microseconds": 1e6 * median,
        "fastest_microseconds": 1e6 * min(timing.seconds),
        "first_run_milliseconds": 1e3 * timing.first_seconds,
        # Of the fastest runs: what else the machine does then counts least.
        "share_of_python": max(0.0, 1 - timing.plan_seconds / min(timing.seconds)),
        "kernels": [] if described is None else [{**kernel._asdict(), "fused": list(kernel.fused)} for kernel in described.kernels],
        "python_steps": [] if described is None else [step._asdict() for step in described.python_steps],
    }


def _element(run: TrainingRun) -> Any:
    return run.train_ops[0]


def _print_result(result: dict[str, Any], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json(result)
        return
    print(f"{result['measured']}: training op {result['training_op']} on the {result['backend']} backend")
    print(
        f"  {result['steps_per_second']:,.0f} steps a second: {result['median_microseconds']:,.1f} µs a step (median of {result['steps']})"
    )
    print(f"  fastest {result['fastest_microseconds']:,.1f} µs; first run, with compiling, {result['first_run_milliseconds']:,.1f} ms")
    print(f"  {100 * result['share_of_python']:.0f} % of a step is Python around the compiled plan")
    if result["kernels"]:
        print(f"  {len(result['kernels'])} kernels, up to {result['threads']} threads; the costliest by bytes:")
        for kernel in sorted(result["kernels"], key=lambda kernel: -kernel["bytes"])[:5]:
            print(f"    {kernel['calls']} x {kernel['title']}: {kernel['flops']:,} flops, {kernel['bytes']:,} bytes")
    for step in result["python_steps"][:5]:
        print(f"    in Python: {step['op']}: {step['reason']}")


BENCH = Command("bench", "time a training op", _DESCRIPTION, _add_arguments, _run, splits_at_dashes=True, unknown_hint=AFTER_DASHES)
