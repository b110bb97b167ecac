"""The file: what is in it, and that no damage to it goes unnoticed."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints.archive import Archive, write_archive

VALUES = {
    "float": (tf.float32, np.arange(6, dtype=np.float32).reshape(2, 3)),
    "half/scalar": (tf.float16, np.float16(1.5)),
    "flags": (tf.bool, np.array([True, False])),
    "empty": (tf.int64, np.zeros((0, 4), np.int64)),
    "texts": (tf.string, np.array([[b"", b"a\0b\0"], ["höhe", b"\xff"]], object)),
    "text": (tf.string, b"one"),
    "../../../escape": (tf.int8, np.array([-1], np.int8)),
}


def written(folder: Path, **manifest: Any) -> Path:
    path = folder / "m.npz"
    with path.open("wb") as file:
        write_archive(file, {"counters": {"random": 2**62}, "settings": {"rate": 0.1, "limit": float("inf")}, **manifest}, VALUES)
    return path


def read_all(path: Path) -> dict[str, Any]:
    archive = Archive(str(path))
    return {name: archive.read(name) for name in archive.variables}


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and np.shape(a) == np.shape(b) and getattr(a, "dtype", None) == getattr(b, "dtype", None) and np.all(a == b)


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    found = read_all(written(tmp_path))
    expected = {name: value for name, (_, value) in VALUES.items()}
    expected["texts"] = np.array([[b"", b"a\0b\0"], ["höhe".encode(), b"\xff"]], object)
    assert list(found) == list(expected)
    assert all(same(found[name], expected[name]) for name in expected)
    manifest = Archive(str(tmp_path / "m.npz")).manifest
    assert manifest["counters"] == {"random": 2**62} and manifest["settings"] == {"rate": 0.1, "limit": float("inf")}


def test_numpy_reads_the_arrays_and_nothing_is_pickled_or_compressed(tmp_path: Path) -> None:
    path = written(tmp_path)
    with np.load(path, allow_pickle=False) as arrays:
        assert np.array_equal(arrays["variables/float"], VALUES["float"][1]) and arrays["variables/half/scalar"] == 1.5
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


def test_arrays_that_are_no_stretch_of_memory_are_written(tmp_path: Path) -> None:
    base = np.arange(24.0).reshape(4, 6)
    with (tmp_path / "m.npz").open("wb") as file:
        write_archive(file, {}, {"a": (tf.float64, base.T), "b": (tf.float64, base[::2, ::3])})
    found = read_all(tmp_path / "m.npz")
    assert np.array_equal(found["a"], base.T) and np.array_equal(found["b"], base[::2, ::3])


def test_a_flipped_byte_is_noticed_or_means_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole, before = path.read_bytes(), read_all(path)
    manifest = Archive(str(path)).manifest
    unnoticed = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        try:
            found = read_all(path)
        except tf.errors.DataLossError as error:
            assert str(path) in error.message
            continue
        assert Archive(str(path)).manifest == manifest
        assert list(found) == list(before) and all(same(found[name], before[name]) for name in before)
        unnoticed += 1
    # What the directory says of each member is repeated in front of it, and not looked at there.
    assert unnoticed < 0.2 * len(whole)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_file_is_noticed(tmp_path: Path, share: float) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(tf.errors.DataLossError, match=r"m\.npz is damaged at its directory: .*it is cut off, or a file of another program"):
        Archive(str(path))


def test_data_that_were_changed_are_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    at = whole.index(np.float32(4.0).tobytes())
    path.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    with pytest.raises(tf.errors.DataLossError, match=r"m\.npz is damaged at member 'variables/float\.npy': its checksum is [0-9a-f]{8}"):
        read_all(path)
    at = whole.index(b"graphopt checkpoint")
    path.write_bytes(whole[:at] + b"G" + whole[at + 1 :])
    with pytest.raises(tf.errors.DataLossError, match=r"damaged at member 'graphopt\.json': its checksum is"):
        Archive(str(path))


def _forged(path: Path, change: dict[str, bytes | None], **entry: Any) -> Path:
    """Write the archive anew with other contents of members, or without them, with right checksums."""
    with zipfile.ZipFile(path) as archive:
        contents = {info.filename: archive.read(info) for info in archive.infolist()}
    forged = path.with_name("forged.npz")
    with zipfile.ZipFile(forged, "w") as archive:
        for name, content in {**contents, **change}.items():
            info = zipfile.ZipInfo(name, entry.get("date", (1980, 1, 1, 0, 0, 0)))
            info.external_attr = 0o600 << 16
            if content is not None:
                archive.writestr(info, content)
    return forged


def _manifest(path: Path, **changes: Any) -> bytes:
    return json.dumps({**Archive(str(path)).manifest, **changes}).encode()


def test_files_of_other_programs_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "numpy.npz", a=1)
    with pytest.raises(tf.errors.DataLossError, match=r"numpy\.npz is no checkpoint of graphopt: it has no member 'graphopt\.json'"):
        Archive(str(tmp_path / "numpy.npz"))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(tf.errors.DataLossError, match=r"text\.npz is damaged at its directory: File is not a zip file"):
        Archive(str(tmp_path / "text.npz"))
    path = written(tmp_path)
    with pytest.raises(tf.errors.DataLossError, match="it is no manifest of a checkpoint"):
        Archive(str(_forged(path, {"graphopt.json": _manifest(path, format="something else")})))
    with pytest.raises(tf.errors.DataLossError, match="it is no manifest of a checkpoint"):
        Archive(str(_forged(path, {"graphopt.json": b"[]"})))
    with pytest.raises(tf.errors.DataLossError, match="written by a newer graphopt: its format is version 9, and this one reads up to 1"):
        Archive(str(_forged(path, {"graphopt.json": _manifest(path, version=9)})))


def test_a_directory_that_is_not_as_it_is_written_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(tf.errors.DataLossError, match=r"directory's entry for member 'graphopt\.json': it is not as graphopt writes it"):
        Archive(str(_forged(path, {}, date=(1999, 1, 1, 0, 0, 0))))
    with pytest.raises(tf.errors.DataLossError, match=r"members and manifest differ in variables/float\.npy"):
        Archive(str(_forged(path, {"variables/float.npy": None})))
    with pytest.raises(tf.errors.DataLossError, match=r"members and manifest differ in surplus"):
        Archive(str(_forged(path, {"surplus": b""})))
    with pytest.raises(tf.errors.DataLossError, match="its list of variables is wrong"):
        Archive(str(_forged(path, {"graphopt.json": _manifest(path, variables={"float": ["float99", []]})})))
    forged = _forged(path, {})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(forged, "a") as archive:
        info = zipfile.ZipInfo("variables/float.npy", (1980, 1, 1, 0, 0, 0))
        info.external_attr = 0o600 << 16
        archive.writestr(info, b"")
    with pytest.raises(tf.errors.DataLossError, match="two members have one name"):
        Archive(str(forged))


def test_members_that_do_not_hold_what_the_manifest_says_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)

    def reads(name: str, content: bytes) -> None:
        Archive(str(_forged(path, {f"variables/{name}.npy": content}))).read(name)

    with zipfile.ZipFile(path) as archive:
        member = archive.read("variables/float.npy")
    other = pytest.raises(tf.errors.DataLossError, match=r"it does not begin as an array of float32 \[2, 3\] does")
    for content in (
        b"x" * 200,
        b"x",
        member.replace(b"<f4", b"<f8"),
        member.replace(b"'<f4'", b"'|O' "),
        member.replace(b"(2, 3)", b"(3, 2)"),
    ):
        with other:
            reads("float", content)
    with pytest.raises(tf.errors.DataLossError, match=r"it has 23 bytes, not those of shape \[2, 3\]"):
        reads("float", member[:-1])
    with zipfile.ZipFile(path) as archive:
        texts = archive.read("variables/texts.npy")
    with pytest.raises(tf.errors.DataLossError, match="the strings' lengths don't fit"):
        reads("texts", texts.replace(np.int64(5).tobytes(), np.int64(6).tobytes()))
    longer = _manifest(path, variables={**Archive(str(path)).manifest["variables"], "text": ["string", [9]]})
    with pytest.raises(tf.errors.DataLossError, match="the strings' lengths don't fit"):
        Archive(str(_forged(path, {"graphopt.json": longer}))).read("text")


def test_a_member_that_is_not_where_the_directory_says_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    at = whole.index(b"variables/float.npy")
    path.write_bytes(whole[:at] + b"V" + whole[at + 1 :])
    with pytest.raises(tf.errors.DataLossError, match=r"member 'variables/float\.npy': it does not begin where the directory says"):
        Archive(str(path)).read("float")


def test_a_file_that_ends_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    archive = Archive(str(path))
    at = path.read_bytes().index(np.float32(4.0).tobytes())
    with path.open("r+b") as file:
        file.truncate(at)
    with pytest.raises(tf.errors.DataLossError, match="it does not begin where the directory says"):
        archive.read("float")
    path.unlink()
    with pytest.raises(tf.errors.NotFoundError, match=r"No such file or directory while reading .*m\.npz"):
        archive.read("float")
