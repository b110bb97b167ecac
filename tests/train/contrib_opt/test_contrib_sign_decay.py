"""The decays of AddSign and PowerSign against the same in plain Python."""

import math

import numpy as np
import pytest

import graphopt as tf
from graphopt.tf1.contrib_opt import opt


def linear(steps: int, step: int) -> float:
    return max(0.0, (steps - min(step, steps)) / steps)


def cosine(steps: int, step: int, periods: float = 0.5, zero_after: float | None = None) -> float:
    fraction = 2.0 * periods * min(step, steps) / steps
    return 0.0 if zero_after is not None and fraction >= 2 * zero_after else 0.5 * (1.0 + math.cos(math.pi * fraction))


def restart(steps: int, step: int, periods: int = 1, zero_after: float | None = None) -> float:
    done = periods * min(step, steps) / steps
    fraction = periods * min(step, steps) % steps / steps
    return 0.0 if zero_after is not None and done >= zero_after else 0.5 * (1.0 + math.cos(math.pi * fraction))


CASES = {
    "linear": (opt.get_linear_decay_fn, linear, {}),
    "cosine": (opt.get_cosine_decay_fn, cosine, {}),
    "cosine, periods": (opt.get_cosine_decay_fn, cosine, {"num_periods": 5}),
    "cosine, zero": (opt.get_cosine_decay_fn, cosine, {"num_periods": 5, "zero_after": 2}),
    "restart": (opt.get_restart_decay_fn, restart, {}),
    "restart, periods": (opt.get_restart_decay_fn, restart, {"num_periods": 3}),
    "restart, zero": (opt.get_restart_decay_fn, restart, {"num_periods": 3, "zero_after": 2}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_decays(case: str, dtype: tf.DType) -> None:
    make, plain, arguments = CASES[case]
    step = tf.placeholder(dtype, [])
    decay = make(20, **arguments)(step)
    assert decay.dtype is tf.float64
    with tf.Session() as session:
        found = [session.run(decay, {step: s}) for s in range(25)]
    names = {"num_periods": "periods", "zero_after": "zero_after"}
    wanted = [plain(20, s, **{names[key]: value for key, value in arguments.items()}) for s in range(25)]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "name"),
    [(opt.get_linear_decay_fn, "linear_decay"), (opt.get_cosine_decay_fn, "cosine_decay"), (opt.get_restart_decay_fn, "restart_decay")],
)
def test_decays_need_a_step(make: object, name: str) -> None:
    with pytest.raises(ValueError, match=f"global_step is required for {name}."):
        make(20)(None)
    with pytest.raises(ValueError, match="decay_steps must be more than 0, got 0"):
        make(0)


def test_an_optimizer_with_a_decay_needs_a_step() -> None:
    made = opt.AddSignOptimizer(0.1, sign_decay_fn=opt.get_linear_decay_fn(20))
    with pytest.raises(ValueError, match=r"sign_decay is a schedule .* which needs a step to look at: pass a global_step"):
        made.apply_gradients([(tf.constant(1.0), tf.Variable(1.0))])
