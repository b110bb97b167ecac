"""Training ops with stages on the native backend: every form of every hyper-parameter, branches and loops, threads, export."""

import runpy
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

stages = tf.train.stages
optimize = tf.contrib.layers.optimize_loss

# By keyword of `optimize_loss`: the hyper-parameter's name, a first and another value, and what is passed for a value.
KEYWORDS: dict[str, tuple[str, float, float, Callable[[Any], Any]]] = {
    "loss_scale": ("loss_scale", 4.0, 8.0, lambda value: value),
    "accumulate_steps": ("accumulate_steps", 2.0, 1.0, lambda value: value),
    "gradient_noise_scale": ("gradient_noise_scale", 0.5, 0.25, lambda value: value),
    "gradient_noise": ("gradient_noise_eta", 0.5, 0.25, lambda value: value),
    "learning_rate_multipliers": ("learning_rate_multiplier/w", 0.5, 0.25, lambda value: {"w": value}),
    "clip_value": ("clip_value", 0.5, 0.25, lambda value: value),
    "clip_norm": ("clip_norm", 0.5, 0.25, lambda value: value),
    "clip_block_rms": ("clip_block_rms", 0.5, 0.25, lambda value: value),
    "clip_gradients": ("clip_gradients", 0.5, 0.25, stages.clip_by_global_norm),
    "clip_unit_ratio": ("clip_unit_ratio", 0.5, 0.25, lambda value: value),
    "max_non_finite": ("max_skipped_steps", 2.0, 1.0, lambda value: value),
    "weight_decay": ("weight_decay", 0.5, 0.25, lambda value: value),
    "lookahead": ("lookahead_every", 2.0, 1.0, lambda value: value),
    "moving_average": ("average_decay", 0.5, 0.25, lambda value: value),
}
WITHOUT_EFFECT = {"loss_scale", "max_non_finite"}
FORMS = ["tensor", "variable", "schedule", "callable"]
GRADIENTS = np.random.default_rng(3).standard_normal((4, 3))


def native_session() -> tf.Session:
    session = tf.Session(backend="native")
    session.run(tf.global_variables_initializer())
    return session


def executables(session: Any, train_op: Any) -> int:
    return sum(len(signature._runners) for signature in session._signatures.values() if train_op in signature._fetches.elements)


def given_as(form: str, first: float, other: float, now: list[float]) -> Any:
    """A hyper-parameter in one form; where it is no number, `now` holds its value, or the step decides."""
    if form == "tensor":
        return tf.placeholder_with_default(np.float64(first), [], name="fed")
    if form == "variable":
        return tf.Variable(np.float64(first), name="kept", trainable=False)
    if form == "schedule":
        return lambda step: tf.where(step < 2, tf.constant(first, tf.float64), tf.constant(other, tf.float64))
    return lambda: now[0] if form == "callable" else first


def trained(keyword: str, form: str, *, changes: bool) -> list[Any]:
    """The weights after each of four steps, before the third of which the value becomes the other one."""
    name, first, other, wrapped = KEYWORDS[keyword]
    now = [first]
    with tf.Graph().as_default() as graph:
        graph.seed = 7
        step = tf.train.get_or_create_global_step()
        w = tf.Variable(np.array([1.0, -2.0, 0.5]), name="w")
        g = tf.placeholder(tf.float64, [3])
        value = first if form == "number" else given_as(form, first, other, now)
        more = {"non_finite": "skip"} if keyword == "max_non_finite" else {}
        train_op = optimize(tf.reduce_sum(w * g), step, 0.1, "SGD", summaries=[], **{keyword: wrapped(value)}, **more)
        with native_session() as session:
            found = []
            for i, gradient in enumerate(GRADIENTS):
                feeds = {g: gradient}
                if changes and i == 2 and form in ("number", "variable"):
                    train_op.hyper[name] = other
                    assert train_op.hyper[name] == other
                now[0] = other if changes and i >= 2 else first
                if form == "tensor":
                    feeds[value] = now[0]
                session.run(train_op, feeds)
                found.append(session.run(w))
            assert executables(session, train_op) == 1
            return found


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_every_keyword_takes_every_form_and_is_changed_without_compiling(keyword: str) -> None:
    kept, wanted = trained(keyword, "number", changes=False), trained(keyword, "number", changes=True)
    assert np.any(kept[-1] != wanted[-1]) == (keyword not in WITHOUT_EFFECT | {"moving_average"})
    for form in FORMS:
        if (keyword, form) == ("accumulate_steps", "schedule"):
            continue  # it looks at the global step, which accumulation keeps back
        np.testing.assert_allclose(trained(keyword, form, changes=True), wanted, rtol=1e-12, atol=1e-14, err_msg=form)


# --- stages inside branches and loops -----------------------------------------------------------------------------------------

CHOSEN: dict[str, Callable[[], list[Any]]] = {
    "clips and decay": lambda: [stages.clip_by_global_norm(1.0), stages.decay_weights(0.1)],
    "skip": lambda: [stages.skip_non_finite()],
    "loss scale": lambda: [stages.scale_loss("dynamic")],
    "accumulate": lambda: [stages.accumulate(2)],
    "lookahead and averages": lambda: [stages.look_ahead(2), stages.MovingAverages(0.5)],
}


def plain(chosen: str, steps: int) -> np.ndarray:
    """The weights after steps in a session that has no branches or loops."""
    with tf.Graph().as_default():
        w = tf.Variable([3.0, -4.0], name="w")
        train_op = tf.train.training_op(tf.nn.l2_loss(w), learning_rate=0.25, optimizer="SGD", stages=CHOSEN[chosen]())
        with tf.Session(backend="numpy") as session:
            session.run(tf.global_variables_initializer())
            for _ in range(steps):
                session.run(train_op)
            return np.asarray(session.run(w))


@pytest.mark.parametrize("chosen", CHOSEN)
def test_a_step_with_stages_in_a_branch(chosen: str) -> None:
    w = tf.Variable([3.0, -4.0], name="w")
    trains = tf.placeholder(tf.bool, [])

    def step() -> Any:
        return tf.train.training_op(tf.nn.l2_loss(w), learning_rate=0.25, optimizer="SGD", stages=CHOSEN[chosen]())

    result = tf.cond(trains, step, lambda: tf.constant(-1.0))
    with native_session() as session:
        assert session.run(result, {trains: False}) == -1.0
        assert session.run(w).tolist() == [3.0, -4.0]
        assert session.run(result, {trains: True}) == 12.5
        assert session.run(result, {trains: False}) == -1.0
        for _ in range(3):
            session.run(result, {trains: True})
        np.testing.assert_allclose(session.run(w), plain(chosen, 4), rtol=1e-6)


@pytest.mark.parametrize("chosen", CHOSEN)
def test_steps_with_stages_in_a_loop(chosen: str) -> None:
    w = tf.Variable([3.0, -4.0], name="w")

    def body(i: Any, _: Any) -> Any:
        loss = tf.train.training_op(tf.nn.l2_loss(w), learning_rate=0.25, optimizer="SGD", stages=CHOSEN[chosen]())
        return i + 1, tf.identity(loss)

    count, last = tf.while_loop(lambda i, _: i < 4, body, (tf.constant(0), tf.constant(0.0)))
    with native_session() as session:
        done, value = session.run([count, last])
        assert done == 4 and value < 12.5
        np.testing.assert_allclose(session.run(w), plain(chosen, 4), rtol=1e-6)


# --- threads ------------------------------------------------------------------------------------------------------------------


def test_two_threads_set_hyper_parameters_while_a_third_trains() -> None:
    w = tf.Variable(np.float64(0.0), name="w")
    train_op = optimize(w, None, 0.5, "SGD", clip_value=1.0, summaries=[])
    seen: list[float] = []
    failures: list[BaseException] = []
    over = threading.Event()
    with native_session() as session:

        def setting(name: str, values: list[float]) -> None:
            try:
                hyper = train_op.hyper.of(session)
                while not over.is_set():
                    for value in values:
                        hyper[name] = value
                        assert hyper[name] in values
            except BaseException as error:
                failures.append(error)

        choices = {"learning_rate": [0.5, 2.0], "clip_value": [1.0, 0.25]}
        threads = [threading.Thread(target=setting, args=(name, values)) for name, values in choices.items()]
        for thread in threads:
            thread.start()
        try:
            before = 0.0
            for _ in range(2000):
                session.run(train_op)
                after = float(session.run(w))
                seen.append(before - after)
                before = after
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert not failures
        # Each step has seen one value of each, never a part of one or the other.
        allowed = {lr * clip for lr in choices["learning_rate"] for clip in choices["clip_value"]}
        assert {round(change, 6) for change in seen} <= allowed
        train_op.hyper.of(session)["learning_rate"] = 4.0
        train_op.hyper.of(session)["clip_value"] = 1.0
        session.run(train_op)
        assert session.run(w) == pytest.approx(before - 4.0, abs=1e-6)
        assert executables(session, train_op) == 1


# --- export -------------------------------------------------------------------------------------------------------------------


def test_a_step_with_stages_is_exported_from_a_native_session(tmp_path: Path) -> None:
    w = tf.Variable(np.array([3.0, -4.0]), name="w")
    g = tf.placeholder(tf.float64, [2], name="g")
    chosen = [
        stages.scale_loss("dynamic"),
        stages.accumulate(2),
        stages.clip_by_global_norm(1.0),
        stages.skip_non_finite(),
        stages.decay_weights(0.1),
        stages.look_ahead(2),
        stages.MovingAverages(0.5),
    ]
    step = tf.train.get_or_create_global_step()
    train_op = tf.train.training_op(tf.reduce_sum(w * g), learning_rate=0.25, optimizer="Adam", stages=chosen, global_step=step)
    gradients = np.random.default_rng(5).standard_normal((9, 2))
    with native_session() as session:
        for gradient in gradients[:3]:
            session.run(train_op, {g: gradient})
        path = tmp_path / "step.py"
        tf.export(train_op, path, session=session)
        wanted = []
        for gradient in gradients[3:]:
            session.run(train_op, {g: gradient})
            wanted.append(session.run(w))
        steps = session.run(step)
    made = runpy.run_path(str(path))
    state = made["initial_state"]()
    found = []
    for gradient in gradients[3:]:
        made["step"](state, {"g:0": gradient})
        found.append(state["w"].copy())
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert steps == 4 and state["global_step"] == 4
