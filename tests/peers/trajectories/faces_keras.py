"""What graphopt has for the three optimizers of Keras."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from trajectories.case import Case
from trajectories.faces_common import Key, Quiet, Staged, WithAverages
from trajectories.replay import MakeOptimizer, keras_optimizer


def tf_keras(tf: Any, case: Case) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*clip")
        made = keras_optimizer(case, tf.keras.optimizers, tf.keras.optimizers.schedules)
    return WithAverages(made) if case.kwargs.get("use_ema") else Quiet(made)


def keras3(tf: Any, case: Case) -> Any:
    """Keras 3's defaults and its averages, which start from zeros; accumulation and a fixed loss scale are stages."""
    kwargs = {"clipping": "one", **case.kwargs}
    if case.kwargs.get("use_ema"):
        kwargs["ema_start"] = "zeros"
    if case.cls == "Lion":
        kwargs.setdefault("learning_rate", 0.001)
    steps, scale = kwargs.pop("gradient_accumulation_steps", None), kwargs.pop("loss_scale_factor", None)
    made = tf_keras(tf, replace(case, kwargs=kwargs))
    if scale is not None:
        return Staged(tf, made, [lambda pairs: [(gradient / scale, v) for gradient, v in pairs]])
    return made if steps is None else Staged(tf, made, [tf.train.stages.accumulate(steps)])


def tf_keras_legacy(tf: Any, case: Case) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The `lr` argument is deprecated")
        return keras_optimizer(case, tf.keras.optimizers.legacy, tf.keras.optimizers.schedules)


LEGACY = ("Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD")
NEW = (*LEGACY, "Adafactor", "AdamW", "Lion")

KERAS_FACES: dict[Key, MakeOptimizer] = {
    **{("tf_keras_legacy", cls): tf_keras_legacy for cls in LEGACY},
    **{("tf_keras", cls): tf_keras for cls in NEW},
    **{("keras3", cls): keras3 for cls in (*NEW, "Lamb", "Muon")},
}

UNTOUCHED = "it makes a sparse gradient dense, which sets rows that never had one to 0; here they keep their weights"
ADDED_UP = "it clips the gradients of a repeated row one by one; here what is clipped is their sum, the row's gradient"
AT_EVERY_RUN = "its {} go on in runs that only accumulate; here nothing but the sums changes in such a run"
NOT_KERAS: dict[Key | str, str] = {
    **{f"{peer}/Ftrl/{label} sparse": UNTOUCHED for peer in ("keras3", "tf_keras") for label in ("plain", "all regularisers", "power")},
    **{f"{peer}/SGD/{clip} sparse": ADDED_UP for peer in ("keras3", "tf_keras") for clip in ("clipnorm", "clipvalue", "global_clipnorm")},
    "keras3/Adam/repeated rows": "it squares the gradients of a repeated row one by one; their sum is the row's gradient",
    "keras3/SGD/accumulation ema": AT_EVERY_RUN.format("averages"),
    "keras3/SGD/accumulation schedule": AT_EVERY_RUN.format("schedules"),
    (
        "keras3",
        "ScheduleFreeAdamW",
    ): "it weighs all steps alike, also while the rate rises, and decays y; here as in optax",
    "tf_keras_legacy/Adam/no epsilon": "it takes an epsilon of 0 for 1e-7; here 0 is 0",
}
