"""How an exported file is used, what it refuses, and what can't be exported."""

import functools
import math
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import ArgumentError, ArgumentTypeError, FailedPreconditionError
from graphopt.inspection.exporting.definitions import Definitions
from graphopt.inspection.exporting.plain import array_code, packed_code, scalar_code
from graphopt.inspection.exporting.syntax import NotStandAlone, class_syntax, constant_syntax, function_syntax, module_syntax


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as g:
        yield g


@pytest.fixture
def session() -> Iterator[Any]:
    with tf.Session(backend="numpy") as s:
        yield s


def load(path: Path) -> dict[str, Any]:
    return runpy.run_path(str(path))


def exported(fetches: Any, tmp_path: Path, **settings: Any) -> dict[str, Any]:
    tf.export(fetches, tmp_path / "exported.py", **settings)
    return load(tmp_path / "exported.py")


def training_op() -> Any:
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    w = tf.get_variable("w", initializer=np.ones((3, 1), "f"))
    loss = tf.reduce_sum(tf.matmul(x, w))
    return tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.5, "SGD")


X = np.ones((2, 3), "f")


@pytest.fixture
def step(session: Any, tmp_path: Path) -> dict[str, Any]:
    train_op = training_op()
    session.run(tf.global_variables_initializer())
    return exported(train_op, tmp_path)


# --- use -------------------------------------------------------------------------------------------------------------------------


def test_a_step_changes_the_arrays_of_the_state_where_they_stand(step: dict[str, Any]) -> None:
    state = step["initial_state"]()
    w = state["w"]
    assert step["step"](state, {"x:0": X}) == 6.0
    assert step["step"](state, {"x:0": X.tolist()}) == 0.0
    assert state["w"] is w and w.tolist() == [[-1.0]] * 3
    assert state["global_step"] == 2 and isinstance(state["global_step"], np.int64)
    assert step["initial_state"]()["w"].tolist() == [[1.0]] * 3


def test_the_state_may_be_fed(session: Any, tmp_path: Path) -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.Variable([1.0, 2.0], name="w")
    new = tf.assign_add(w, [1.0, 1.0])
    with tf.control_dependencies([new]):
        total = tf.reduce_sum(x * 1.0)
    session.run(tf.global_variables_initializer())
    file = exported([total, new], tmp_path)
    state = file["initial_state"]()
    found = file["step"](state, {"x:0": state["w"]})
    assert (found[0], found[1].tolist(), state["w"].tolist()) == (3.0, [2.0, 3.0], [2.0, 3.0])


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "The feed x:0 is missing. The feeds of this step: x:0 of float32[2, 3]."),
        ({"x:0": X, "y:0": X}, "The feed y:0 is unknown. The feeds of this step: x:0 of float32[2, 3]."),
        ({"x:0": X[:1]}, "The feed x:0 must be float32[2, 3], got float32[1, 3]."),
        ({"x:0": X.astype("f8")}, "The feed x:0 must be float32[2, 3], got float64[2, 3]."),
    ],
)
def test_a_wrong_feed_is_refused(step: dict[str, Any], feeds: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        step["step"](step["initial_state"](), feeds)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "The state has no w: it must be float32[3, 1], as in initial_state()."),
        ({"w": np.ones((3, 1))}, "The state's w must be float32[3, 1] in writable, contiguous memory, got float64[3, 1]."),
        ({"w": np.broadcast_to(np.float32(1), (3, 1))}, "The state's w must be float32[3, 1] in writable, contiguous memory"),
        ({"w": [1.0]}, "The state's w must be float32[3, 1] in writable, contiguous memory, got list."),
    ],
)
def test_a_wrong_state_is_refused(step: dict[str, Any], change: Any, message: str) -> None:
    state = {name: value for name, value in step["initial_state"]().items() if name != "w"}
    with pytest.raises(ValueError) as raised:
        step["step"]({**state, **change}, {"x:0": X})
    assert str(raised.value).startswith(message)


def test_a_step_that_fails_changes_nothing(session: Any, tmp_path: Path) -> None:
    x, rows = tf.placeholder(tf.float32, [2], name="x"), tf.placeholder(tf.int32, [1], name="rows")
    v, w = tf.Variable([1.0, 1.0], name="v"), tf.Variable([1.0, 1.0], name="w")
    updates = [tf.assign_add(v, x), tf.scatter_add(w, rows, [2.0])]
    session.run(tf.global_variables_initializer())
    file = exported(updates, tmp_path)
    state = file["initial_state"]()
    with pytest.raises(ValueError, match="2 is not in \\[0, 2\\)"):
        file["step"](state, {"x:0": np.ones(2, "f"), "rows:0": np.array([2], np.int32)})
    assert state["v"].tolist() == state["w"].tolist() == [1.0, 1.0]
    file["step"](state, {"x:0": np.ones(2, "f"), "rows:0": np.array([1], np.int32)})
    assert (state["v"].tolist(), state["w"].tolist()) == ([2.0, 2.0], [1.0, 3.0])


class Pair(NamedTuple):
    first: Any
    second: Any


def test_fetches_keep_their_structure(session: Any, tmp_path: Path) -> None:
    w = tf.Variable(2.0, name="w")
    session.run(tf.global_variables_initializer())
    file = exported({"a": [w * 2.0, (w,)], "b": tf.no_op(), "c": Pair(w, w)}, tmp_path)
    assert file["step"](file["initial_state"]()) == {"a": [4.0, (2.0,)], "b": None, "c": (2.0, 2.0)}


def test_variables_without_a_value_get_one(session: Any, tmp_path: Path) -> None:
    tf.get_variable("w", [300, 2], initializer=tf.random_normal_initializer(seed=1))
    initialize = tf.global_variables_initializer()
    file = exported(initialize, tmp_path)
    state = file["initial_state"]()
    file["step"](state)
    session.run(initialize)
    assert np.array_equal(state["w"], session.run(session.graph.get_tensor_by_name("w:0")))


def test_a_file_says_what_it_is(step: dict[str, Any], tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-W", "error", str(tmp_path / "exported.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert printed.startswith("The step of OptimizeLoss/control_dependency:0, as Python that needs NumPy 2 alone.")
    assert "    x:0  float32[2, 3]" in printed
    assert "    w                           float32[3, 1]" in printed
    assert "State (24 bytes)" in printed
    assert f"graphopt {tf.__version__} wrote this file" in printed


def test_unneeded_feeds_may_be_given(session: Any, tmp_path: Path) -> None:
    x, y = tf.placeholder(tf.float32, [None], name="x"), tf.placeholder(tf.int64, [], name="y")
    file = exported(tf.shape(x), tmp_path, feed_dict={x: [1.0, 2.0], y: 3})
    assert file["step"]({}, {"x:0": np.ones(2, "f"), "y:0": 4}).tolist() == [2]


# --- what can't be exported --------------------------------------------------------------------------------------------------------


def test_a_session_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="There is no session whose state could be exported: give session="):
        tf.export(tf.constant(1.0), tmp_path / "exported.py")
    with pytest.raises(ArgumentTypeError, match=r"session must be a tf\.Session, got <class 'int'>"):
        tf.export(tf.constant(1.0), tmp_path / "exported.py", session=3)


def test_shapes_must_be_known(session: Any, tmp_path: Path) -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with pytest.raises(ArgumentError, match=r"The shape of the placeholder 'x:0' is not known: \(\?, 2\)\.") as raised:
        exported(x * 2.0, tmp_path)
    assert "feed_dict={x: value}" in str(raised.value)


def test_variables_must_have_a_value(session: Any, tmp_path: Path) -> None:
    w = tf.Variable(1.0, name="w")
    with pytest.raises(FailedPreconditionError, match="Attempting to use uninitialized value w"):
        exported(w * 2.0, tmp_path)


def test_python_functions_of_users_are_refused(session: Any, tmp_path: Path) -> None:
    y = tf.py_func(lambda x: x, [tf.constant(1.0)], tf.float32, name="mine")
    message = (
        r"The operation 'mine' \(PyFunc\) can't be exported: it needs the Python function <lambda>, which stands outside of graphopt\."
    )
    with pytest.raises(ArgumentError, match=message) as raised:
        exported(y, tmp_path)
    assert "test_export_use.py" in str(raised.value)
    assert not (tmp_path / "exported.py").exists()


def test_what_a_branch_does_is_refused_by_its_name(session: Any, tmp_path: Path) -> None:
    def inside() -> Any:
        return tf.py_func(lambda: np.float32(1), [], tf.float32, name="inside")

    y = tf.cond(tf.placeholder(tf.bool, [], name="p"), inside, lambda: tf.constant(1.0))
    with pytest.raises(ArgumentError, match=r"The operation '\S*inside' \(PyFunc\) can't be exported"):
        exported(y, tmp_path)


def test_printing_a_few_times_is_refused(session: Any, tmp_path: Path) -> None:
    x = tf.Print(tf.constant(1.0), [tf.constant(2.0)], first_n=2)
    with pytest.raises(ArgumentError, match="it needs an object of the class Budget, which stands outside of graphopt"):
        exported(x, tmp_path)


def test_only_plain_structures_are_written(session: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"Fetches of the class dict can't be exported: use lists, tuples and dicts\."):
        exported({(1, 2): tf.constant(1.0)}, tmp_path)


def test_strings_that_are_fed_are_refused(session: Any, tmp_path: Path) -> None:
    x = tf.placeholder(tf.string, [2], name="x")
    with pytest.raises(ArgumentError, match=r"The operation 'Identity' \(Identity\) can't be exported: it works on strings"):
        exported(tf.identity(x), tmp_path)
    with pytest.raises(ArgumentError, match="it works on strings"):
        exported(tf.constant("text"), tmp_path)
    with pytest.raises(ArgumentError, match=r"This step can't be exported: it works on strings, which NumPy keeps as Python objects\."):
        exported(x, tmp_path)


# --- definitions -------------------------------------------------------------------------------------------------------------------


def _counting() -> None:
    global _COUNT
    _COUNT = 1


def _without_a_value() -> Any:
    return not_there  # noqa: F821


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: module_syntax("nowhere"), "the source file of the module nowhere is not there"),
        (lambda: constant_syntax("graphopt.dtypes", "_dtype"), "the value of _dtype in graphopt.dtypes is not one expression"),
        (
            lambda: class_syntax(type("New", (), {"__module__": "graphopt.dtypes"})),
            "the source of the class New in graphopt.dtypes can't be",
        ),
        (lambda: function_syntax(eval("lambda x: x", {"__name__": "graphopt.dtypes"})), "the source of the function <lambda> in graphopt"),
        (lambda: Definitions([]).code(np.array([b"x"], object)), "it needs an array of strings or objects"),
        (lambda: Definitions([])._function_text(_counting, "f"), "it changes the global name _COUNT"),
        (lambda: Definitions([])._function_text(_without_a_value, "f"), "the name not_there in .* has no value"),
        (lambda: Definitions([])._module(pytest), "it needs the module pytest"),
    ],
)
def test_what_has_no_source_of_its_own_is_refused(write: Any, message: str) -> None:
    with pytest.raises(NotStandAlone, match=message):
        write()


@pytest.mark.parametrize(
    "value",
    [
        1,
        True,
        "a'b\"",
        b"\xff",
        None,
        0.1,
        -0.0,
        math.inf,
        -math.inf,
        np.float32(0.1),
        np.float16(-0.0),
        np.float64(np.inf),
        np.int64(-3),
        np.bool_(True),
    ],
)
def test_plain_values_keep_their_bits(value: Any) -> None:
    found = eval(scalar_code(value), {"np": np})
    assert type(found) is type(value) and repr(found) == repr(value)


def test_a_nan_keeps_its_bits() -> None:
    value = np.array([0x7FC00001], np.uint32).view(np.float32)[0]
    found = eval(scalar_code(value), {"np": np})
    assert found.tobytes() == value.tobytes()


@pytest.mark.parametrize("array", [np.float32([[0.1, -0.0]]), np.array([True]), np.array(3, np.uint8), np.zeros((2, 0)), np.arange(999.0)])
def test_arrays_keep_their_bits(array: Any, session: Any, tmp_path: Path) -> None:
    unpacked = exported(tf.constant(1.0), tmp_path)["unpacked"]
    found = unpacked(*eval(packed_code(array)))
    assert np.asarray(found).tobytes() == array.tobytes() and (found.dtype, found.shape) == (array.dtype, array.shape)
    if array.size < 9:
        assert eval(array_code(array), {"np": np}).tobytes() == array.tobytes()


def test_collections_functions_and_classes_become_code() -> None:
    definitions = Definitions([])
    assert definitions.code({"a": (1,), 2: [np.dtype("int8"), None]}) == "{'a': (1,), 2: [np.dtype(np.int8), None]}"
    assert [definitions.code(f) for f in (np.add, np.float32, np.add.reduce, len, math.erf)] == [
        "np.add", "np.float32", "np.add.reduce", "len", "math.erf",
    ]  # fmt: skip
    assert definitions.code(functools.reduce) == "functools.reduce"
    assert definitions.imports == {"functools", "math"}
