"""Runs the same training ops in graphopt and in its peers, one process after another, and compares them.

    python make_environments.py ../../build/peers                            # once; a virtual environment for each peer
    python compare.py --environments ../../build/peers --json results.json --markdown results.md --picture results.svg

Needs nothing but Python and NumPy itself. What is measured, and how, stands in README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from peers import PEERS, Peer, peer
from picture import svg
from processes import CHECKOUT_ROOT, Result, Runner
from table import TARGET_HEAD, markdown_report, markdown_table, report, target_rows, text_table
from targets import NATIVE, Outcome, fastest_peer, outcomes
from workloads import WORKLOADS, Workload, workload

LOSS_TOLERANCE = 1e-3
QUICK_STEPS = 20

Results = list[tuple[Workload, dict[str, Result]]]


def parsed_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, default=CHECKOUT_ROOT / "build" / "peers", help="DIR/<peer>/bin/python runs a peer")
    parser.add_argument("--workloads", type=workloads, default=list(WORKLOADS), metavar="1,2,...")
    parser.add_argument("--peers", type=peers, default=list(PEERS), metavar=",".join(p.name for p in PEERS))
    parser.add_argument("--steps", type=int, help="samples of a step (300)")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_STEPS} samples, one variant of a peer, no second start but graphopt's"
    )
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one process (600)")
    parser.add_argument("--read", type=Path, nargs="+", default=[], help="show earlier runs, from their JSON files")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--picture", type=Path, help="an SVG file")
    return parser.parse_args()


def workloads(text: str) -> list[Workload]:
    """Return the workloads of a list of numbers with commas."""
    return listed(text, lambda number: workload(int(number)))


def peers(text: str) -> list[Peer]:
    """Return the peers of a list of names with commas."""
    return listed(text, peer)


def listed(text: str, find: Callable[[str], Any]) -> list[Any]:
    """Return what `find` makes of each part between commas; argparse shows the reason why it can't."""
    try:
        return [find(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main() -> None:
    """Measure everything that is asked for; print, write and draw it."""
    arguments = parsed_arguments()
    steps = arguments.steps or (QUICK_STEPS if arguments.quick else 300)
    if arguments.read:
        show(arguments, earlier(arguments.read))
        return
    start = perf_counter()
    runner = Runner(arguments.environments, steps, arguments.timeout, arguments.quick, lambda line: say(start, line))
    results: Results = []
    for chosen in arguments.workloads:
        by_peer = {candidate.name: runner.measured(candidate, chosen) for candidate in arguments.peers}
        mark_losses(by_peer)
        results.append((chosen, by_peer))
        print(report(chosen, by_peer, fastest(by_peer)), end="\n\n", flush=True)
        write(arguments, results)  # after each workload: what is measured is not lost
    show_targets(results)


def show_targets(results: Results) -> None:
    """Print the targets, and whether the losses agree."""
    reached = all_outcomes(results)
    if reached:
        print(text_table(TARGET_HEAD, target_rows(reached)), end="\n\n")
    print(differing(results))


def earlier(files: list[Path]) -> Results:
    """Return the results that stand in JSON files, in the order of the workloads."""
    found = [measured for file in files for measured in json.loads(file.read_text(encoding="utf-8"))["workloads"]]
    return [(workload(measured["workload"]), measured["results"]) for measured in sorted(found, key=lambda m: m["workload"])]


def show(arguments: argparse.Namespace, results: Results) -> None:
    """Print and write results that were measured before."""
    for chosen, by_peer in results:
        print(report(chosen, by_peer, fastest(by_peer)), end="\n\n")
    show_targets(results)
    write(arguments, results)


def say(start: float, line: str) -> None:
    """Print a line of progress."""
    print(f"[{perf_counter() - start:5.0f} s] {line}", file=sys.stderr, flush=True)


def is_peer(name: str) -> bool:
    """Tell whether this is one that graphopt is compared with."""
    return not peer(name).is_graphopt


def fastest(by_peer: dict[str, Result]) -> float | None:
    """Return the step of the fastest peer in seconds."""
    return fastest_peer(by_peer, is_peer)


def mark_losses(by_peer: dict[str, Result]) -> None:
    """Note how far the losses of each peer are from the median of all, and whether that is too far."""
    ran = [result for result in by_peer.values() if "losses" in result]
    if len(ran) < 2:
        return
    middle = [statistics.median(losses) for losses in zip(*(result["losses"] for result in ran), strict=True)]
    for result in ran:
        difference = max(abs(loss - usual) / abs(usual) for loss, usual in zip(result["losses"], middle, strict=True))
        # Said this way round, a loss that is not a number differs.
        result |= {"loss_difference": difference, "loss_differs": not difference <= LOSS_TOLERANCE}


def all_outcomes(results: Results) -> list[Outcome]:
    """Return every target of the workloads that ran, where graphopt's native backend was asked for."""
    return [o for chosen, by_peer in results if NATIVE in by_peer for o in outcomes(chosen.number, by_peer, fastest(by_peer))]


def differing(results: Results) -> str:
    """Return a line that names what disagreed about a loss."""
    if not any("loss_differs" in result for _, by_peer in results for result in by_peer.values()):
        return "No losses were compared."
    found = [f"{peer(name).title} in {w.number}" for w, by_peer in results for name, r in by_peer.items() if r.get("loss_differs")]
    return (
        f"Losses disagree: {', '.join(found)}" if found else f"All losses agree within {LOSS_TOLERANCE:g} in every step that was checked."
    )


def write(arguments: argparse.Namespace, results: Results) -> None:
    """Write the files that were asked for."""
    if arguments.json:
        arguments.json.write_text(json.dumps(content(results), indent=2) + "\n", encoding="utf-8")
    if arguments.markdown:
        tables = [markdown_report(chosen, by_peer, fastest(by_peer)) for chosen, by_peer in results]
        reached = all_outcomes(results)
        targets = [markdown_table(TARGET_HEAD, target_rows(reached)), ""] if reached else []
        arguments.markdown.write_text("\n".join([*tables, *targets, differing(results), ""]), encoding="utf-8")
    if arguments.picture:
        arguments.picture.write_text(svg(results), encoding="utf-8")


def content(results: Results) -> dict[str, object]:
    """Return what goes into the JSON file."""
    machine = {"platform": f"{sys.platform} {platform.machine()}", "cores": os.cpu_count(), "python": platform.python_version()}
    measured = [{"workload": w.number, "title": w.title, "fastest_peer_s": fastest(r), "results": r} for w, r in results]
    targets = [{**vars(outcome), "verdict": outcome.verdict} for outcome in all_outcomes(results)]
    return {"machine": machine, "workloads": measured, "targets": targets}


if __name__ == "__main__":
    main()
