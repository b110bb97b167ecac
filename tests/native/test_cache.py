"""Machine code on disk: made once, trusted only when it is whole and the user's own, and another batch size needs no other."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_ops import dense, embedding, large, lenet, lstm, regression, session_of

import graphopt as tf
from graphopt import config
from graphopt.backends.native import cache as cache_module
from graphopt.backends.native import code as code_module
from graphopt.backends.native import compiling
from graphopt.backends.native.cache import ObjectCache
from graphopt.backends.native.host import this_host

KEY = hashlib.sha256(b"a key").hexdigest()
CODE = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cache = tmp_path / "deep" / "cache"
    ObjectCache(str(cache)).store(KEY, CODE)
    return cache


def _file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_stored_is_found_again(folder: Path) -> None:
    assert ObjectCache(str(folder)).load(KEY) == CODE
    assert ObjectCache(str(folder)).load("another") is None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert _file(folder).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"x" + content[1:],
        lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
        lambda content: content[:30] + bytes([content[30] ^ 128]) + content[31:],
    ],
    ids=["empty", "head-only", "cut-off", "longer", "other-magic", "flipped-code", "flipped-digest"],
)
def test_a_damaged_file_is_thrown_away_and_made_again(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = _file(folder)
    path.write_bytes(damage(path.read_bytes()))
    cache = ObjectCache(str(folder))
    assert cache.load(KEY) is None
    assert not path.exists()
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_is_not_trusted(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    cache = ObjectCache(str(folder))
    assert cache.load(KEY) is None
    cache.store("0" * 64, CODE)
    assert len(list(folder.iterdir())) == 1
    folder.chmod(0o700)
    assert cache.load(KEY) == CODE


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_file_that_others_may_write_is_not_trusted_but_replaced(folder: Path, mode: int) -> None:
    _file(folder).chmod(mode)
    cache = ObjectCache(str(folder))
    assert cache.load(KEY) is None
    cache.store(KEY, CODE)
    assert cache.load(KEY) == CODE
    assert _file(folder).stat().st_mode & 0o022 == 0


def test_somebody_elses_folder_is_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert ObjectCache(str(folder)).load(KEY) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "file"
    taken.write_bytes(b"")
    below = ObjectCache(str(taken / "cache"))
    below.store(KEY, CODE)
    assert below.load(KEY) is None

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr("graphopt.backends.native.cache.tempfile.mkstemp", refuse)
    cache = ObjectCache(str(tmp_path / "cache"))
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None


def test_what_breaks_off_in_the_middle_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)
    ObjectCache(str(folder)).store("1" * 64, CODE)
    assert [path.name for path in folder.iterdir()] == [f"{KEY}.object"]


def test_without_a_folder_nothing_is_kept() -> None:
    cache = ObjectCache("")
    cache.store(KEY, CODE)
    assert cache.load(KEY) is None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = ObjectCache(str(tmp_path / "cache"), max_bytes=4 * 3000)
    keys = [str(i) * 64 for i in range(4)]
    for i, key in enumerate(keys):
        cache.store(key, CODE)
        path = tmp_path / "cache" / f"{key}.object"
        os.utime(path, (1000 + i, 1000 + i))
    assert cache.load(keys[0]) == CODE  # now it is the one used last
    cache.store("9" * 64, CODE)
    assert [key[0] for key in [*keys, "9" * 64] if cache.load(key)] == ["0", "2", "3", "9"]


def test_files_are_looked_at_once_for_many_that_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, looks = ObjectCache(str(tmp_path / "cache")), []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: looks.append(folder) or scan(folder))
    monkeypatch.setattr(cache_module._chance, "random", lambda: 0.5)
    random.seed(3)
    before = random.getstate()
    for i in range(20):
        cache.store(f"{i:064}", CODE)
    assert not looks
    monkeypatch.setattr(cache_module._chance, "random", lambda: 0.0)
    cache.store("f" * 64, CODE)
    assert len(looks) == 1
    assert random.getstate() == before, "the user's own numbers"


def test_what_a_killed_process_left_behind_is_cleared_away(folder: Path) -> None:
    old, new = folder / ".new-old", folder / ".new-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1000, 1000))
    ObjectCache(str(folder), max_bytes=1 << 16).store("2" * 64, CODE)
    assert (old.exists(), new.exists()) == (False, True)


# --- sessions --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were compiled; every process-wide and disk cache starts empty."""
    texts: list[str] = []
    compile_text = compiling.to_object

    def counted(text: str, *rest: Any) -> bytes:
        texts.append(text)
        return compile_text(text, *rest)

    monkeypatch.setattr(compiling, "to_object", counted)
    monkeypatch.setattr(code_module, "_CODES", {})
    return texts


SMALL: dict[str, Callable[[int], Any]] = {
    "regression": regression,
    "dense": lambda batch: dense(20, 16, 10, batch=batch),
    "lenet": lambda batch: lenet(batch, (4, 6), 16),
    "embedding": lambda batch: embedding(batch, 50),
    "lstm": lambda batch: lstm(batch, 3, 4, 8),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_smaller_last_batch_compiles_nothing(name: str, compilations: list[str]) -> None:
    with config.override(cache_dir=""):
        train_op, feeds = SMALL[name](32)
        session = session_of("native")
        session.run(train_op, feeds)
        assert compilations
        before = len(compilations)
        for batch in (31, 29):
            smaller = {tensor: np.resize(value, (batch, *value.shape[1:])) for tensor, value in feeds.items()}
            assert np.isfinite(session.run(train_op, smaller))
        assert compilations[before:] == []


def test_other_structure_is_other_code(compilations: list[str]) -> None:
    x = tf.placeholder(tf.float32, [None])
    session = tf.Session(backend="native")
    with config.override(cache_dir=""):
        first = session.run([tf.sin(x) * 2.0], {x: [1.0, 2.0]})
        between = len(compilations)
        second = session.run([tf.sin(x) * 3.0], {x: [1.0, 2.0]})
        np.testing.assert_allclose(np.array(second), 1.5 * np.array(first), rtol=1e-6)
        session.run([tf.cos(x) * 2.0], {x: [1.0, 2.0]})
    assert len(compilations) > between > 0


def test_a_damaged_file_costs_a_compilation_and_nothing_else(compilations: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    results = []
    with config.override(cache_dir=str(tmp_path / "cache")):
        for damaged in (False, True, False):
            if damaged:
                for path in (tmp_path / "cache").iterdir():
                    path.write_bytes(path.read_bytes()[:-3])
            with tf.Graph().as_default():
                train_op, feeds = SMALL["dense"](8)
                session = session_of("native")
                code_module._CODES.clear()
                before = len(compilations)
                results.append((session.run(train_op, feeds), len(compilations) - before))
    assert [count for _, count in results] == [1, 1, 0]
    assert len({loss for loss, _ in results}) == 1


def test_the_key_knows_the_machine_and_the_sources() -> None:
    versions = compiling._versions(this_host())
    assert this_host().cpu in versions
    assert versions != compiling._versions(this_host().__class__("other", "", "x", 16, 16))


TRAIN = """
import sys
sys.path.insert(0, {here!r})
import graphopt as tf
from graphopt.backends.native import compiling
from test_cache import SMALL
from training_ops import session_of
made = []
compile_text = compiling.to_object
compiling.to_object = lambda text, *rest: (made.append(text), compile_text(text, *rest))[1]
for name in sys.argv[1:]:
    with tf.Graph().as_default():
        train_op, feeds = SMALL[name](4)
        session = session_of("native")
        losses = [session.run(train_op, feeds) for _ in range(4)]
        print(float(losses[-1]).hex(), session.compiled(train_op, feeds).description.was_cached)
print(len(made), file=sys.stderr)
"""


def _started(folder: str, names: Iterable[str], seed: int = 0) -> subprocess.Popen[str]:
    environment = {**os.environ, "GRAPHOPT_CACHE_DIR": folder, "GRAPHOPT_THREADS": "1", "PYTHONHASHSEED": str(seed)}
    script = TRAIN.format(here=str(Path(__file__).parent))
    command = [sys.executable, "-c", script, *names]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _finished(process: subprocess.Popen[str]) -> tuple[list[str], list[str], int]:
    """Return the losses, whether each step's code came from the disk, and how often something was compiled."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    rows = [line.split() for line in out.splitlines()]
    return [loss for loss, _ in rows], [cached for _, cached in rows], int(err.splitlines()[-1])


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "cache")
    losses, cached, compiled = _finished(_started(folder, SMALL, 1))
    assert cached == ["False"] * len(SMALL)
    assert compiled >= len(SMALL)
    again, cached, compiled = _finished(_started(folder, SMALL, 2))
    assert (again, cached, compiled) == (losses, ["True"] * len(SMALL), 0)


def test_eight_processes_share_one_empty_folder(tmp_path: Path) -> None:
    folder, names = tmp_path / "cache", ("regression", "embedding")
    found = [_finished(process) for process in [_started(str(folder), names) for _ in range(8)]]
    assert len({tuple(losses) for losses, _, _ in found}) == 1
    assert found[0][0] == _finished(_started("", names))[0]
    cache = ObjectCache(str(folder))
    files = [path.name for path in folder.iterdir()]
    assert all(name.endswith(".object") for name in files)
    assert all(cache.load(name.removesuffix(".object")) for name in files)
    assert _finished(_started(str(folder), names))[2] == 0


def test_nothing_is_written_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compilations: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    with config.override(cache_dir=""):
        train_op, feeds = large(10)
        session_of("native").run(train_op, feeds)
    assert compilations
    assert list(tmp_path.iterdir()) == []
