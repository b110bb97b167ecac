"""Every ```python block of README.md and docs/ runs, and the README's two commands are the ones that .ci/run runs.

Each block runs in a namespace and a default graph of its own. An HTML comment on the line above a block changes that:

    <!-- continues -->                              the block shares namespace and graph with the block before it
    <!-- raises: ShapeError -->                     the block must raise this error, by the name of its class
    <!-- raises: ShapeError: must be equal -->      and its text must contain this
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

import graphopt as tf

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

FENCE = re.compile(r"^(\s*)```(\w*)\s*$")
COMMENT = re.compile(r"^\s*<!--\s*(\w+)(?::\s*(.*?))?\s*-->\s*$")


class Block(NamedTuple):
    """One fenced block: its language, text, first line and the comments above it."""

    language: str
    text: str
    line: int
    comments: dict[str, str]


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a Markdown text."""
    comments: dict[str, str] = {}
    language, start, body = None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        fence, comment = FENCE.match(line), COMMENT.match(line)
        if language is not None and not fence:
            body.append(line)
        elif language is not None:
            yield Block(language, dedent("\n".join(body)) + "\n", start, comments)
            language, body, comments = None, [], {}
        elif fence:
            language, start = fence[2], number + 1
        elif comment:
            comments[comment[1]] = comment[2] or ""
        elif line.strip():
            comments = {}
    if language is not None:
        raise ValueError(f"the block that begins on line {start} has no end")


def chains(text: str) -> list[list[Block]]:
    """Return the python blocks of a text, each with those that continue it."""
    result: list[list[Block]] = []
    for block in blocks(text):
        if block.language == "python":
            if "continues" in block.comments:
                result[-1].append(block)
            else:
                result.append([block])
    return result


def pages() -> list[Path]:
    """Return the README and every page of docs/."""
    return [README, *sorted((ROOT / "docs").rglob("*.md"))]


def page_chains() -> dict[str, list[Block]]:
    """Return every chain of blocks by its place, such as 'docs/errors.md:12'."""
    texts = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in pages()}
    return {f"{page}:{chain[0].line}": chain for page, text in texts.items() for chain in chains(text)}


def run_block(block: Block, namespace: dict[str, object], path: Path) -> None:
    """Run one block from a file of its own, so that error messages can show its lines."""
    path.write_text(block.text, encoding="utf-8")
    code = compile(block.text, str(path), "exec")
    if "raises" not in block.comments:
        exec(code, namespace)
        return
    expected, _, text = block.comments["raises"].partition(": ")
    with pytest.raises(Exception) as caught:
        exec(code, namespace)
    assert type(caught.value).__name__ == expected
    assert text in str(caught.value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a block an empty folder to write to, with the examples and their data in reach, and an empty default graph."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    tf.reset_default_graph()
    yield tmp_path
    tf.reset_default_graph()


@pytest.mark.parametrize("place", page_chains())
def test_python_blocks_run(place: str, folder: Path) -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    page = place.partition(":")[0].replace("/", "_")
    for block in page_chains()[place]:
        run_block(block, namespace, folder / f"{page}_{block.line}.py")


def readme_commands() -> dict[str, str]:
    """Return the README's command lines by the name that the comment above each gives it."""
    found = [block for block in blocks(README.read_text(encoding="utf-8")) if block.language == "sh"]
    return {block.comments["command"]: block.text.strip() for block in found}


def test_the_readme_has_two_commands_of_one_line_each() -> None:
    commands = readme_commands()
    assert list(commands) == ["main", "tests"]
    for command in commands.values():
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && ")
    assert "examples/train_digits.py" in commands["main"]
    assert "pytest" in commands["tests"]


def test_ci_runs_the_commands_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    shown = subprocess.run(["bash", str(script), "--commands"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert shown == "".join(f"{name}: {command}\n" for name, command in readme_commands().items())
    assert not any(command in script.read_text(encoding="utf-8") for command in readme_commands().values()), (
        "it must take them from the README"
    )


def test_blocks_are_found_with_their_comments() -> None:
    text = (
        "a\n\n<!-- raises: E: text -->\n```python\nx = 1\n```\n<!-- continues -->\n\n```python\ny\n```\n"
        "<!-- lost -->\nb\n```\nplain\n```\n  ```python\n  z\n  ```\n"
    )
    found = list(blocks(text))
    assert [(block.language, block.text, block.line) for block in found] == [
        ("python", "x = 1\n", 5),
        ("python", "y\n", 10),
        ("", "plain\n", 15),
        ("python", "z\n", 18),
    ]
    assert [block.comments for block in found] == [{"raises": "E: text"}, {"continues": ""}, {}, {}]
    assert [[block.line for block in chain] for chain in chains(text)] == [[5, 10], [18]]


def test_a_block_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2 has no end"):
        list(blocks("```python\nx = 1\n"))


def test_a_wrong_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_block(Block("python", "1 / 0\n", 1, {}), {}, tmp_path / "a.py")
    run_block(Block("python", "1 / 0\n", 1, {"raises": "ZeroDivisionError: division"}), {}, tmp_path / "b.py")
    for expected in ("ArithmeticError", "ZeroDivisionError: another text"):
        with pytest.raises(AssertionError):
            run_block(Block("python", "1 / 0\n", 1, {"raises": expected}), {}, tmp_path / "c.py")
    with pytest.raises(pytest.fail.Exception):
        run_block(Block("python", "1\n", 1, {"raises": "ValueError"}), {}, tmp_path / "d.py")
