"""`graphopt` and `graphopt run`: usage, the script's world, exit codes and tracebacks."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from graphopt.cli import main
from graphopt.tf1 import stand_in

ROOT = Path(__file__).parents[3]


def write(tmp_path: Path, text: str, name: str = "script.py") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- usage -----------------------------------------------------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"graphopt {metadata.version('graphopt')}\n"


def test_console_script() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"graphopt": "graphopt.cli:main"}


# --- run -------------------------------------------------------------------------------------------------------------------


def test_the_world_of_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "VALUE = 7\n", "beside.py")
    script = write(
        tmp_path,
        "import sys, beside\nimport tensorflow as tf\nprint(__name__, sys.argv[1:], beside.VALUE, tf.Session().run(tf.constant(3)))\n"
        "print(sys.modules['__main__'].beside is beside, __file__)",
    )
    before = sys.modules["__main__"], list(sys.argv), list(sys.path)
    assert main(["run", script, "--steps", "3", "-x", "--", "rest", "--help"]) == 0
    assert capsys.readouterr().out == f"__main__ ['--steps', '3', '-x', '--', 'rest', '--help'] 7 3\nTrue {script}\n"
    assert (sys.modules["__main__"], sys.argv, sys.path) == before
    assert not stand_in.is_installed()
    del sys.modules["beside"]


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(0)", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('no data')", 1, "no data\n"),
        ("\nraise KeyboardInterrupt", 130, "script.py:2\n"),
    ],
)
def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int, error: str) -> None:
    assert main(["run", write(tmp_path, text)]) == code
    assert error in capsys.readouterr().err


def test_settings_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(
        tmp_path,
        "import os\nimport graphopt\ns = graphopt.settings()\n"
        "print(s.backend, s.threads, graphopt.Session().backend, os.environ['GRAPHOPT_THREADS'])",
    )
    assert main(["run", "--backend", "numpy", "--threads", "1", script]) == 0
    assert capsys.readouterr().out == "numpy 1 numpy 1\n"


def test_a_traceback_has_the_lines_of_the_script_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import tensorflow as tf\ndef build():\n    return tf.matmul(tf.zeros([2, 3]), tf.zeros([2, 3]))\nbuild()\n"
    script = write(tmp_path, text)
    assert main(["run", script]) == 1
    report = capsys.readouterr().err
    assert report.count('File "') == 2
    assert f'"{script}", line 4, in <module>' in report and f'"{script}", line 3, in build' in report
    assert "ShapeError" in report and "line 3" not in report.splitlines()[-1]
    assert main(["run", "--full-traceback", script]) == 1
    assert capsys.readouterr().err.count('File "') > 4


def test_a_chain_of_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import tensorflow as tf\ntry:\n    tf.nothing\nexcept AttributeError as e:\n    raise RuntimeError('mine') from e\n"
    assert main(["run", write(tmp_path, text)]) == 1
    report = capsys.readouterr().err
    assert "MissingNameError" in report and "The above exception was the direct cause" in report and "RuntimeError: mine" in report
    assert "stand_in.py" not in report


def test_a_script_that_can_not_be_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", write(tmp_path, "x = 1\nprint 'hello'\n")]) == 1
    report = capsys.readouterr().err
    assert "SyntaxError" in report and "line 2" in report and "scripts.py" not in report


def test_a_script_that_can_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    script = write(tmp_path, "")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert main(["run", script]) == 2
    assert f"{script} can't be read: Permission denied." in capsys.readouterr().err


def test_tensorflow_itself_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    assert main(["run", write(tmp_path, "")]) == 2
    assert "tensorflow is already imported" in capsys.readouterr().err


def test_as_a_module(tmp_path: Path) -> None:
    script = write(tmp_path, "import tensorflow as tf\nprint(tf.__version__)\nraise SystemExit(3)\n")
    result = subprocess.run([sys.executable, "-m", "graphopt", "run", script], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (3, "1.15.0\n", "")


def test_file_and_command_line_are_as_python_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "train.py"
    script.write_text("import os, sys\nprint(__file__, sys.argv)\nos.chdir('/')\nprint(__file__)\nfail()\n")
    monkeypatch.chdir(tmp_path)
    assert main(["run", "scripts/train.py", "a", "--b"]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{script} ['scripts/train.py', 'a', '--b']\n{script}\n"
    # The lines of the script are found although it went to another folder.
    assert f'File "{script}", line 5, in <module>\n    fail()' in captured.err


def test_a_pipe_of_the_script_that_breaks_is_its_own_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", write(tmp_path, "raise BrokenPipeError(32, 'mine')")]) == 1
    assert "BrokenPipeError: [Errno 32] mine" in capsys.readouterr().err


def test_interrupted_with_the_whole_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, "raise KeyboardInterrupt")
    assert main(["run", script]) == 130
    assert capsys.readouterr().err == f"graphopt: interrupted at {script}:1\n"
    assert main(["run", "--full-traceback", script]) == 130
    assert "Traceback" in capsys.readouterr().err
