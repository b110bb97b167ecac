"""What graphopt's native backend is meant to reach beside the fastest peer, and whether it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from processes import Result, step_seconds

NATIVE = "native"
CALLABLE, RUN, RUN_STEPS = "", "Session.run", "run_steps"

SPEEDUPS = {1: 1.0, 2: 2.0, 3: 1.3, 4: 1.1, 5: 1.0, 6: 3.0, 7: 1.5, 8: 1.2}  # times as fast as the fastest peer, at least
MAX_RUN_RATIO = 2.5
MIN_RUN_STEPS_SPEEDUP = 4.0
MAX_RUN_STEPS_SECONDS = 1.5e-6
MIN_BANDWIDTH_SHARE = 0.5
PASSES, PASS_BYTES = 7, 40_000_000  # parameters and both slots of Adam, each read and written, and the parameters once more for the norm
COLD_SECONDS, LSTM_COLD_SECONDS, WARM_SECONDS = 0.5, 1.5, 0.15
SCALAR_WORKLOAD, LSTM_WORKLOAD, LARGE_WORKLOAD = 1, 7, 8


@dataclass(frozen=True)
class Outcome:
    """A target and what was measured; `measured` is None where something that it needs is missing."""

    workload: int
    what: str
    limit: str
    measured: float | None
    is_met: bool
    unit: str = ""

    @property
    def verdict(self) -> str:
        """`met`, `missed` or `not measured`."""
        if self.measured is None:
            return "not measured"
        return "met" if self.is_met else "missed"


def at_least(workload: int, what: str, limit: float, measured: float | None, *, unit: str = "x") -> Outcome:
    """Return the outcome of a target that should be reached or passed."""
    return Outcome(workload, what, f"at least {limit:g}{unit}", measured, measured is not None and measured >= limit, unit)


def at_most(workload: int, what: str, limit: float, measured: float | None, *, unit: str = "x") -> Outcome:
    """Return the outcome of a target that should not be passed."""
    return Outcome(workload, what, f"at most {limit:g}{unit}", measured, measured is not None and measured <= limit, unit)


def outcomes(number: int, results: dict[str, Result], fastest: float | None) -> Iterator[Outcome]:
    """Yield every target of a workload; `results` by peer, `fastest` the step of the fastest peer in seconds."""
    native = results.get(NATIVE, {})
    step = way_seconds(native, CALLABLE)
    yield at_least(number, "speed against the fastest peer", SPEEDUPS[number], divided(fastest, step))
    if number == SCALAR_WORKLOAD:
        many = way_seconds(native, RUN_STEPS)
        yield at_most(number, "Session.run against the fastest peer", MAX_RUN_RATIO, divided(way_seconds(native, RUN), fastest))
        yield at_least(number, "run_steps against the fastest peer", MIN_RUN_STEPS_SPEEDUP, divided(fastest, many))
        yield at_most(number, "a step of run_steps", MAX_RUN_STEPS_SECONDS * 1e6, times(many, 1e6), unit=" µs")
    if number == LARGE_WORKLOAD:
        used = divided(PASSES * PASS_BYTES, step)
        share = times(divided(used, native.get("copy_bytes_per_s")), 100)
        yield at_least(number, "share of the copy bandwidth", 100 * MIN_BANDWIDTH_SHARE, share, unit=" %")
    cold = LSTM_COLD_SECONDS if number == LSTM_WORKLOAD else COLD_SECONDS
    yield at_most(number, "first step, cold", cold, native.get("first_step_s"), unit=" s")
    yield at_most(number, "first step, warm", WARM_SECONDS, native.get("warm_first_step_s"), unit=" s")


def way_seconds(result: Result, way: str) -> float | None:
    """Return the median of a step by one way, None where it was not measured."""
    return result.get("ways", {}).get(way, {}).get("median_s")


def fastest_peer(results: dict[str, Result], is_peer: Callable[[str], bool]) -> float | None:
    """Return the shortest step among those that graphopt is compared with, None when none ran."""
    return min((step_seconds(result) for name, result in results.items() if is_peer(name) and "ways" in result), default=None)


def divided(numerator: float | None, denominator: float | None) -> float | None:
    """Return the quotient, None where a part is missing."""
    return None if numerator is None or not denominator else numerator / denominator


def times(value: float | None, factor: float) -> float | None:
    """Return the product, None where the value is missing."""
    return None if value is None else value * factor
