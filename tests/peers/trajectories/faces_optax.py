"""What graphopt has for optax's optimizers, transformations and wrappers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trajectories.case import Call, Case
from trajectories.faces_common import CountedSteps, Key, Staged, plus_weights
from trajectories.replay import MakeOptimizer

Kwargs = Mapping[str, Any]
Make = Callable[..., Any]

# --- optimizers ---------------------------------------------------------------------------------------------------------------


def schedule(tf: Any, call: Call) -> Any:
    names = {"warmup_cosine_decay_schedule": "WarmupCosineDecay", "piecewise_constant_schedule": "PiecewiseScale"}
    return getattr(tf.keras.optimizers.schedules, names[call.name])(**call.kwargs)


def sgd(tf: Any, learning_rate: Any, momentum: Any = None, nesterov: bool = False) -> Any:
    plain = tf.train.GradientDescentOptimizer
    return plain(learning_rate) if momentum is None else tf.train.MomentumOptimizer(learning_rate, momentum, use_nesterov=nesterov)


def adam(tf: Any, learning_rate: Any, **kwargs: Any) -> Any:
    return tf.optimizers.AdamW(learning_rate, weight_decay=0.0, **kwargs)


def nadam(tf: Any, learning_rate: Any) -> Any:
    return tf.optimizers.NAdamW(learning_rate, weight_decay=0.0)


def rmsprop(tf: Any, learning_rate: Any, centered: bool = False, momentum: float = 0.0) -> Any:
    return tf.keras.optimizers.RMSprop(learning_rate, 0.9, momentum, 1e-8, centered)


def adagrad(tf: Any, learning_rate: Any, initial_accumulator_value: float = 0.1) -> Any:
    return tf.keras.optimizers.Adagrad(learning_rate, initial_accumulator_value)


def adadelta(tf: Any, learning_rate: Any, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0) -> Any:
    made = tf.keras.optimizers.Adadelta(learning_rate, rho, eps)
    return Staged(tf, made, [plus_weights(weight_decay)]) if weight_decay else made


def of_optimizers(name: str) -> Make:
    """A class of `tf.optimizers`, which has optax's arguments."""
    return lambda tf, **kwargs: getattr(tf.optimizers, name)(**kwargs)


OPTIMIZERS: dict[str, Make] = {
    "adabelief": of_optimizers("AdaBelief"),
    "adadelta": adadelta,
    "adafactor": of_optimizers("Adafactor"),
    "adagrad": adagrad,
    "adam": adam,
    "adamw": of_optimizers("AdamW"),
    "adan": of_optimizers("Adan"),
    "ademamix": of_optimizers("AdEMAMix"),
    "adopt": of_optimizers("ADOPT"),
    "dog": of_optimizers("DoG"),
    "fromage": of_optimizers("Fromage"),
    "lamb": of_optimizers("LAMB"),
    "lars": of_optimizers("LARS"),
    "lion": of_optimizers("Lion"),
    "muon": of_optimizers("Muon"),
    "nadam": nadam,
    "nadamw": of_optimizers("NAdamW"),
    "novograd": of_optimizers("NovoGrad"),
    "prodigy": of_optimizers("Prodigy"),
    "radam": of_optimizers("RAdam"),
    "rmsprop": rmsprop,
    "rprop": of_optimizers("Rprop"),
    "schedule_free_adamw": of_optimizers("ScheduleFreeAdamW"),
    "schedule_free_sgd": of_optimizers("ScheduleFreeSGD"),
    "sgd": sgd,
    "sign_sgd": of_optimizers("SignSGD"),
    "signum": of_optimizers("Signum"),
    "sm3": of_optimizers("SM3"),
    "yogi": of_optimizers("Yogi"),
}


def make(tf: Any, name: str, kwargs: Kwargs) -> Any:
    """An optimizer by optax's name and arguments; None for one that changes nothing."""
    if name == "set_to_zero":
        return None
    return OPTIMIZERS[name](tf, **{key: schedule(tf, v) if isinstance(v, Call) else v for key, v in kwargs.items()})


class Evaluated:
    """A schedule-free optimizer with the weights to evaluate with."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)

    def beside(self, variables: Any) -> Any:
        return {"evaluation": {name: self.optimizer.evaluation_value(v) for name, v in variables.items()}}


def optimizer(tf: Any, case: Case) -> Any:
    made = make(tf, case.cls, case.kwargs)
    if case.cls.startswith("schedule_free"):
        return Evaluated(made)
    has_schedule = any(isinstance(value, Call) for value in case.kwargs.values())
    return CountedSteps(made, tf.train.get_or_create_global_step()) if has_schedule else made


# --- transformations of gradients ---------------------------------------------------------------------------------------------


def normalized(tf: Any) -> Any:
    def function(pairs: Any) -> Any:
        length = tf.global_norm([gradient for gradient, _ in pairs]) + 1e-6
        return [(gradient / length, v) for gradient, v in pairs]

    return function


def decayed(rate: float, mask: Mapping[str, bool] | None = None) -> Any:
    def function(pairs: Any) -> Any:
        return [(gradient + rate * v if mask is None or mask[v.op.name] else gradient, v) for gradient, v in pairs]

    return function if mask is not None else plus_weights(rate)


STAGES: dict[str, Make] = {
    "adaptive_grad_clip": lambda tf, clipping: tf.train.stages.clip_by_unit_ratio(clipping),
    "add_decayed_weights": lambda tf, weight_decay, mask=None: decayed(weight_decay, mask),
    "centralize": lambda tf: tf.train.stages.centralize(),
    "clip": lambda tf, max_delta: tf.train.stages.clip_by_value(max_delta),
    "clip_by_block_rms": lambda tf, threshold: tf.train.stages.clip_by_block_rms(threshold),
    "clip_by_global_norm": lambda tf, max_norm: tf.train.stages.clip_by_global_norm(max_norm),
    "normalize_by_update_norm": lambda tf: normalized(tf),
    "zero_nans": lambda tf: tf.train.stages.zero_non_finite(),
}


def transformation(tf: Any, case: Case) -> Any:
    assert case.then is not None
    return Staged(tf, make(tf, case.then.name, case.then.kwargs), [STAGES[case.cls](tf, **case.kwargs)])


# --- wrappers -----------------------------------------------------------------------------------------------------------------


def lookahead(tf: Any, case: Case) -> Any:
    fast: Call = case.kwargs["fast_optimizer"]
    stages = [tf.train.stages.look_ahead(case.kwargs["sync_period"], case.kwargs["slow_step_size"])]
    return Staged(tf, make(tf, fast.name, fast.kwargs), stages, {"slow": slow_weights})


def slow_weights(step: Any, variables: Any) -> Any:
    graph = next(iter(variables.values())).graph
    return {name: graph.get_tensor_by_name(f"{name}/lookahead:0") for name in variables}


def counters(**names: str) -> Any:
    """What stages count, under optax's names."""
    return {"counters": lambda step, _: {name: step.counters[ours] for name, ours in names.items()}}


def multi_steps(tf: Any, case: Case) -> Any:
    inner: Call = case.kwargs["opt"]
    how = "mean" if case.kwargs.get("use_grad_mean", True) else "sum"
    skips = [tf.train.stages.skip_non_finite()] if "should_skip_update_fn" in case.kwargs else []
    stages = [*skips, tf.train.stages.accumulate(case.kwargs["every_k_schedule"], how)]
    return Staged(tf, make(tf, inner.name, inner.kwargs), stages, counters(mini_step="accumulated_steps"))


def multi_transform(tf: Any, case: Case) -> Any:
    inside = {label: make(tf, call.name, call.kwargs) for label, call in case.kwargs["transforms"].items()}
    return tf.optimizers.Groups([(f"^{name}$", inside[label]) for name, label in case.kwargs["param_labels"].items()])


def apply_if_finite(tf: Any, case: Case) -> Any:
    inner: Call = case.kwargs["inner"]
    stage = tf.train.stages.skip_non_finite(case.kwargs["max_consecutive_errors"], beyond="apply")
    counted = counters(notfinite_count="skipped_steps_in_a_row", total_notfinite="skipped_steps")
    return Staged(tf, make(tf, inner.name, inner.kwargs), [stage], counted)


def sam(tf: Any, case: Case) -> Any:
    inner: Call = case.kwargs["optimizer"]
    climb: Call = case.kwargs["adv_optimizer"].kwargs["transforms"][1]
    return tf.optimizers.SAM(make(tf, inner.name, inner.kwargs), climb.kwargs["learning_rate"], case.kwargs["sync_period"])


def trust_ratio(tf: Any, case: Case) -> Any:
    """LARS without momentum; no norm of the case is as small as the `min_norm`, but that of a gradient of zeros."""
    return tf.optimizers.LARS(0.1, trust_coefficient=case.kwargs["trust_coefficient"], momentum=0.0)


OPTAX_FACES: dict[Key, MakeOptimizer] = {
    **{("optax", name): optimizer for name in OPTIMIZERS},
    **{("optax", name): transformation for name in STAGES},
    ("optax", "MultiSteps"): multi_steps,
    ("optax", "apply_if_finite"): apply_if_finite,
    ("optax", "lookahead"): lookahead,
    ("optax", "multi_transform"): multi_transform,
    ("optax", "sam"): sam,
    ("optax", "scale_by_trust_ratio"): trust_ratio,
}

NOT_OPTAX: dict[Key | str, str] = {
    ("optax", "adamax"): "its ε is added inside of the maximum, Keras's and TensorFlow's where the maximum is used",
    ("optax", "adamaxw"): "as adamax",
    ("optax", "amsgrad"): "it keeps the largest average with bias correction; Keras's, torch's and the paper's amsgrad without",
    ("optax", "ema"): "an average of gradients is what the momentum of an optimizer is; no stage makes another",
    ("optax", "optimistic_gradient_descent"): "not in graphopt",
    "optax/lookahead/reset": "it forgets the inner optimizer's averages at every synchronisation; the paper's does not",
    "optax/rmsprop/bias correction": "Keras's and TensorFlow's RMSprop have no bias correction",
    "optax/rmsprop/eps outside": "Keras's older RMSprop has ε outside of the root, but starts from 0",
    "optax/rmsprop/nesterov": "Keras's and TensorFlow's RMSprop do not look ahead",
}
