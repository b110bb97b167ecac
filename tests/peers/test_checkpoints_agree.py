"""Checkpoints that TensorFlow wrote are read, and training goes on from them; their damage is noticed."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from record_checkpoints import AWKWARD_PATHS, HERE, PARTITIONED, STEPS, batch, build, counted, typed_values

import graphopt as tf
from graphopt.graph.crc32c import crc32c, masked
from graphopt.train.checkpoints.slices import key_of_part, places
from graphopt.train.checkpoints.tensorflow_format import TensorFlowCheckpoint


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as fresh:
        yield fresh


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for file in HERE.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", typed_values())
def test_every_element_type_is_read(name: str) -> None:
    value = tf.train.load_variable(HERE / "types", name)
    expected = typed_values()[name]
    assert np.shape(value) == np.shape(expected)
    assert type(value) is type(expected)
    if isinstance(expected, np.ndarray):
        assert value.dtype == expected.dtype
    assert np.array_equal(value, expected)


def test_names_shapes_and_types_are_listed() -> None:
    reader = tf.train.NewCheckpointReader(str(HERE / "types"))
    values = typed_values()
    assert tf.train.list_variables(str(HERE / "types")) == sorted((name, list(np.shape(value))) for name, value in values.items())
    kinds = reader.get_variable_to_dtype_map()
    assert kinds["types/float16"] is tf.float16 and kinds["types/string"] is tf.string and kinds["types/bool"] is tf.bool
    assert reader.has_tensor("types/empty") and not reader.has_tensor("types")
    assert b"types/long (DT_FLOAT) [1200]" in reader.debug_string()
    assert tf.train.checkpoint_exists(HERE / "types")


def test_training_goes_on_as_in_tensorflow() -> None:
    x, train = build(tf)
    expected = json.loads((HERE / "expected.json").read_text())["weights"]
    with tf.Session() as session:
        tf.train.Saver().restore(session, HERE / f"adam-{STEPS}")
        assert session.run(tf.train.get_global_step()) == STEPS
        for step in range(STEPS, 2 * STEPS):
            session.run(train, {x: batch(step)})
        for variable in tf.global_variables():
            np.testing.assert_allclose(session.run(variable), expected[variable.op.name], rtol=2e-6, atol=1e-8, err_msg=variable.name)


def test_initial_values_come_from_tensorflow() -> None:
    with tf.variable_scope("mine"):
        w = tf.get_variable("w", [3, 4])
    tf.train.init_from_checkpoint(HERE / f"adam-{STEPS}", {"layer/w": w})
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert np.array_equal(session.run(w), tf.train.load_variable(HERE / f"adam-{STEPS}", "layer/w"))


def test_the_state_file_of_tensorflow_is_read_and_written_alike(tmp_path: Path) -> None:
    state = tf.train.get_checkpoint_state(HERE, "state")
    assert state.all_model_checkpoint_paths == [str(HERE / path) for path in AWKWARD_PATHS]
    assert state.model_checkpoint_path == str(HERE / AWKWARD_PATHS[1])
    assert state.all_model_checkpoint_timestamps == [1.5, 1700000000.25] and state.last_preserved_timestamp == 3.0
    tf.train.update_checkpoint_state(str(tmp_path), AWKWARD_PATHS[1], AWKWARD_PATHS, "state", [1.5, 1700000000.25], 3.0)
    # TensorFlow 1 wrote bytes that are not ASCII as octal numbers, and later ones as they are.
    assert (tmp_path / "state").read_text() == (HERE / "state").read_text(encoding="utf-8").replace("ö", r"\303\266")


@pytest.mark.parametrize(("name", "shape"), [entry[:2] for entry in PARTITIONED])
def test_the_parts_of_a_partitioned_variable_are_put_together(name: str, shape: list[int]) -> None:
    value = tf.train.load_variable(HERE / "parts", name)
    assert value.dtype == np.float32 and np.array_equal(value, counted(shape))
    variable = tf.get_variable(name, shape)
    with tf.Session() as session:
        tf.train.Saver().restore(session, HERE / "parts")
        assert np.array_equal(session.run(variable), counted(shape))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("brain", np.float32([1.5, -2.0])),
        ("complex", np.complex64([1.0 + 2.0j])),
        ("quantized", np.int8([3, -4])),
    ],
)
def test_types_that_graphopt_has_not_are_read_as_numpy_has_them(name: str, expected: Any) -> None:
    value = tf.train.load_variable(HERE / "parts", name)
    assert value.dtype == expected.dtype and np.array_equal(value, expected)


def test_what_was_written_by_objects_is_restored_by_the_names_of_variables() -> None:
    expected = json.loads((HERE / "expected_objects.json").read_text())
    w, b = tf.get_variable("w", [2]), tf.get_variable("layer/b", [])
    tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(tf.square(w)) * b)
    extra = tf.get_variable("extra", initializer=0.0)
    known = [variable for variable in tf.global_variables() if variable is not extra]
    with tf.Session() as session:
        tf.train.Saver(known).restore(session, HERE / "objects")
        assert {variable.op.name: session.run(variable).tolist() for variable in known} == expected
        with pytest.raises(tf.errors.NotFoundError, match=r"Key extra not found in checkpoint .*objects\.index"):
            tf.train.Saver().restore(session, HERE / "objects")


def test_a_graph_of_objects_that_is_none_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    w = tf.get_variable("w", [2])
    monkeypatch.setattr(TensorFlowCheckpoint, "read", lambda self, name: b"\x0a\x05\x12")
    with tf.Session() as session, pytest.raises(tf.errors.DataLossError, match=r"objects\.index is damaged at tensor '_CHECKPOINTABLE_OBJ"):
        tf.train.Saver([w]).restore(session, HERE / "objects")


@pytest.mark.parametrize("harm", ["part", "place", "missing"])
def test_parts_that_do_not_fit_are_damage(monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    reader = tf.train.load_checkpoint(HERE / "parts")
    archive: Any = reader._archive
    entry, part = archive._entries["table"], archive._parts[key_of_part("table", [(0, 4), (0, 3)])]
    if harm == "part":
        archive._parts.clear()
    elif harm == "place":
        monkeypatch.setattr(entry, "shape", (9, 3))
    else:
        entry.slices.pop(0)
    assert part.shape == (4, 3)
    match = "its parts don't fill it" if harm == "missing" else "its parts can't be put together"
    with pytest.raises(tf.errors.DataLossError, match=f"parts.index is damaged at tensor 'table': {match}"):
        reader.get_tensor("table")


@pytest.mark.parametrize(
    ("part", "hexadecimal"),
    [([(0, 4)], "8084"), ([(63, -1)], "bf7f"), ([(64, 8191)], "c040dfff"), ([(8192, 1 << 40)], "e02000fd0000000000")],
)
def test_keys_of_parts(part: list[tuple[int, int]], hexadecimal: str) -> None:
    key = key_of_part("w\0", part)
    assert key.hex() == "00" + b"w\0\xff\0\1".hex() + "0101" + hexadecimal


def test_a_part_beyond_its_tensor() -> None:
    with pytest.raises(ValueError, match=r"a part ends beyond the shape \[4\]"):
        places([(2, 3)], [4])


def test_what_is_not_read_says_so() -> None:
    reader = tf.train.load_checkpoint(HERE / "parts")
    assert reader.get_tensor("whole").tolist() == [1.0, 2.0]
    assert b"brain (DT_?) [2]" in reader.debug_string()
    archive: Any = reader._archive
    archive._entries["whole"].dtype = 21
    with pytest.raises(TypeError, match=r"'whole' of .*parts\.index has an element type that NumPy has not \(number 21\)"):
        reader.get_tensor("whole")
    with pytest.raises(NotImplementedError, match=r"first_format is a checkpoint of TensorFlow's format V1, which graphopt does not read"):
        tf.train.load_checkpoint(HERE / "first_format")


def test_a_variable_of_a_type_that_is_not_read_does_not_fit() -> None:
    brain = tf.get_variable("brain", [2])
    with (
        tf.Session() as session,
        pytest.raises(tf.errors.InvalidArgumentError, match="brain is float32 in the graph and of a type graphopt has"),
    ):
        tf.train.Saver([brain]).restore(session, HERE / "parts")
    with pytest.raises(ValueError, match=r"brain:0 is float32, and tensor brain of .* is of a type graphopt has not"):
        tf.train.init_from_checkpoint(HERE / "parts", {"brain": brain})


@pytest.mark.parametrize("file", ["adam-4.index", "adam-4.data-00000-of-00001"])
def test_a_flipped_byte_is_noticed_wherever_it_is(copied: Path, file: str) -> None:
    whole = (copied / file).read_bytes()
    before = {name: tf.train.load_variable(copied / "adam-4", name) for name, _ in tf.train.list_variables(copied / "adam-4")}
    unnoticed = []
    for at in range(len(whole)):
        (copied / file).write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        try:
            reader = tf.train.load_checkpoint(copied / "adam-4")
            values = {name: reader.get_tensor(name) for name in reader.variables}
        except tf.errors.DataLossError as error:
            assert file in error.message
            continue
        assert set(values) == set(before) and all(np.array_equal(values[name], before[name]) for name in before)
        unnoticed.append(at)
    # What fills the index's footer up means nothing.
    assert all(file.endswith(".index") and len(whole) - 48 <= at < len(whole) - 8 for at in unnoticed)


@pytest.mark.parametrize("length", [0, 47, 48, 100, 332])
def test_a_cut_index_is_noticed(copied: Path, length: int) -> None:
    index = copied / "adam-4.index"
    index.write_bytes(index.read_bytes()[:length])
    with pytest.raises(tf.errors.DataLossError, match=r"adam-4\.index is damaged at footer: it does not end as a sorted table does"):
        tf.train.load_checkpoint(copied / "adam-4")


def test_cut_and_missing_data_are_noticed(copied: Path) -> None:
    data = copied / "adam-4.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    reader = tf.train.load_checkpoint(copied / "adam-4")
    with pytest.raises(
        tf.errors.DataLossError, match=r"data-00000-of-00001 is damaged at tensor 'layer/w/Adam_1': the file ends after 47 of its 48"
    ):
        reader.get_tensor("layer/w/Adam_1")
    data.unlink()
    with pytest.raises(tf.errors.NotFoundError, match=r"No such file or directory while reading .*data-00000-of-00001"):
        reader.get_tensor("layer/w")


def test_strings_are_checked(copied: Path) -> None:
    data = copied / "types.data-00000-of-00001"
    whole = data.read_bytes()
    reader = tf.train.load_checkpoint(copied / "types")
    at = whole.index(b"a longer text")
    data.write_bytes(whole[:at] + b"A" + whole[at + 1 :])
    with pytest.raises(tf.errors.DataLossError, match="damaged at tensor 'types/string': its checksum is wrong"):
        reader.get_tensor("types/string")
    # One string: its length, a checksum of that, and itself.
    at = whole.index(b"one") - 5
    data.write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
    with pytest.raises(tf.errors.DataLossError, match="damaged at tensor 'types/scalar_string': the strings' lengths run past its end"):
        reader.get_tensor("types/scalar_string")


def _with_header(header: bytes, folder: Path) -> Path:
    """Write a sorted table whose only entry is the header of a checkpoint."""
    empty = struct.pack("<II", 0, 1)

    def entry(key: bytes, value: bytes) -> bytes:
        return bytes([0, len(key), len(value)]) + key + value + empty

    content, places = b"", []
    for block in (entry(b"", header), empty):
        places += [len(content), len(block)]
        content += block + b"\0" + struct.pack("<I", masked(crc32c(block + b"\0")))
    index = entry(b"z", bytes(places[:2]))
    places = [*places[2:], len(content), len(index)]
    content += index + b"\0" + struct.pack("<I", masked(crc32c(index + b"\0")))
    (folder / "m.index").write_bytes(content + bytes(places).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57))
    return folder / "m"


def test_tables_of_something_else_are_refused(tmp_path: Path) -> None:
    assert tf.train.load_checkpoint(_with_header(b"\x08\x01", tmp_path)).variables == {}
    with pytest.raises(NotImplementedError, match=r"m\.index was written on a big-endian machine, which graphopt does not read"):
        tf.train.load_checkpoint(_with_header(b"\x08\x01\x10\x01", tmp_path))
    with pytest.raises(tf.errors.DataLossError, match="its header: there is none, so this is a sorted table of something else"):
        tf.train.load_checkpoint(_with_header(b"", tmp_path))
    with pytest.raises(tf.errors.DataLossError, match=r"m\.index is damaged at its entries: "):
        tf.train.load_checkpoint(_with_header(b"\x0b", tmp_path))
