"""A description as sections of paragraphs, lists and tables, and its three forms: plain text, Markdown, HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_STYLE = """
:root { color-scheme: light; }
body.graphopt, .graphopt { font: 14px/1.45 system-ui, sans-serif; color: #1c1c1c; background: #fff; }
body.graphopt { max-width: 1180px; margin: 24px auto; padding: 0 20px; }
.graphopt h1 { font-size: 21px; margin: 0 0 8px; overflow-wrap: anywhere; }
.graphopt h2 { font-size: 16px; margin: 26px 0 8px; padding-bottom: 3px; border-bottom: 1px solid #bbb; }
.graphopt p { margin: 4px 0; overflow-wrap: anywhere; }
.graphopt ol { margin: 4px 0; padding-left: 26px; }
.graphopt li { margin: 3px 0; }
.graphopt li span { color: #444; }
.graphopt .scroll { overflow-x: auto; }
.graphopt table { border-collapse: collapse; margin: 4px 0; font-size: 13px; }
.graphopt th { text-align: left; border-bottom: 2px solid #888; padding: 3px 12px 3px 0; vertical-align: bottom; }
.graphopt td { border-bottom: 1px solid #ddd; padding: 3px 12px 3px 0; vertical-align: top; overflow-wrap: break-word; }
.graphopt td.number, .graphopt th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.graphopt pre, .graphopt code { font: 12.5px/1.4 ui-monospace, monospace; }
.graphopt figure { margin: 6px 0; }
.graphopt svg { max-width: 100%; }
"""
_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?( (B|KiB|MiB|GiB|µs|%))?|-|\?")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~])")


@dataclass(frozen=True)
class Lines:
    """Lines of text."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Items:
    """A numbered list; each item has a title and details."""

    items: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Table:
    """A table."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A picture: SVG, which only HTML shows, and text that stands for it."""

    svg: str
    text: str


Block = Lines | Items | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of a document with a title; the first section's title is that of the document."""

    title: str
    blocks: Sequence[Block] = field(default=())


def to_text(sections: Sequence[Section]) -> str:
    """Return a document as plain text."""
    return "\n\n".join(["\n".join(_text_section(section)) for section in sections])


def _text_section(section: Section) -> list[str]:
    rows = [section.title]
    for block in section.blocks:
        match block:
            case Lines(lines):
                rows += [f"  {line}" for line in lines]
            case Items(items):
                for i, (title, details) in enumerate(items, 1):
                    rows += [f"  {i:2}. {title}", *[f"        {detail}" for detail in details]]
            case Table(head, cells):
                rows += _text_table(head, cells)
            case Picture(_, text):
                rows.append(f"  {text}")
    return rows


def _text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return [line(head), line(["-" * width for width in widths]), *map(line, rows)]


def to_markdown(sections: Sequence[Section]) -> str:
    """Return a document as Markdown."""
    return "\n".join([row for i, section in enumerate(sections) for row in _markdown_section(section, "#" if i == 0 else "##")])


def _markdown_section(section: Section, mark: str) -> list[str]:
    rows = [f"{mark} {_markdown(section.title)}", ""]
    for block in section.blocks:
        match block:
            case Lines(lines):
                rows += [f"{_markdown(line)}  " for line in lines]
            case Items(items):
                for i, (title, details) in enumerate(items, 1):
                    rows += [f"{i}. **{_markdown(title)}**", *[f"   - {_markdown(detail)}" for detail in details]]
            case Table(head, cells):
                rows.append(f"| {' | '.join(map(_markdown, head))} |")
                rows.append(f"|{'|'.join(['---'] * len(head))}|")
                rows += [f"| {' | '.join(map(_markdown, row))} |" for row in cells]
            case Picture(_, text):
                rows.append(f"`{text.replace('`', ' ')}`")
        rows.append("")
    return rows


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", " ")


def to_fragment(sections: Sequence[Section]) -> str:
    """Return a document as a piece of HTML with its own style, to stand in a page or a notebook."""
    body = "".join([_html_section(section, "h1" if i == 0 else "h2") for i, section in enumerate(sections)])
    return f'<style>{_STYLE}</style><div class="graphopt">{body}</div>'


def to_page(sections: Sequence[Section]) -> str:
    """Return a document as one HTML page that needs nothing else."""
    title = html.escape(sections[0].title if sections else "")
    head = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    body = "".join([_html_section(section, "h1" if i == 0 else "h2") for i, section in enumerate(sections)])
    view = '<meta name="viewport" content="width=device-width">'
    return f'{head}{view}<style>{_STYLE}</style></head>\n<body class="graphopt"><main>{body}</main></body></html>\n'


def _html_section(section: Section, tag: str) -> str:
    return f"<{tag}>{html.escape(section.title)}</{tag}>\n{''.join([_html_block(block) for block in section.blocks])}"


def _html_block(block: Block) -> str:
    match block:
        case Lines(lines):
            return "".join([f"<p>{html.escape(line)}</p>\n" for line in lines])
        case Items(items):
            rows = [
                f"<li><b>{html.escape(title)}</b>{''.join([f'<br><span>{html.escape(detail)}</span>' for detail in details])}</li>\n"
                for title, details in items
            ]
            return f"<ol>{''.join(rows)}</ol>\n"
        case Table(head, rows):
            return _html_table(head, rows)
        case Picture(svg, text):
            return f'<figure role="img" aria-label="{html.escape(text)}">{svg}</figure>\n'


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    numeric = [bool(rows) and all(_NUMBER.fullmatch(row[i]) for row in rows) for i in range(len(head))]
    mark = [' class="number"' if is_number else "" for is_number in numeric]
    top = "".join([f'<th scope="col"{mark[i]}>{html.escape(cell)}</th>' for i, cell in enumerate(head)])
    body = "".join(["<tr>" + "".join([f"<td{mark[i]}>{html.escape(cell)}</td>" for i, cell in enumerate(row)]) + "</tr>\n" for row in rows])
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>\n'
