"""Pictures, sounds and texts on the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt.inspection.reporting.log import Contents
from graphopt.inspection.reporting.markup import element, tag_name

# Of a tag at most so many steps are shown; the bytes of pictures and of sounds that a page takes; the letters of one text and of all.
STEPS, MEDIA_BYTES, LETTERS, ALL_LETTERS = 10, 2_000_000, 20_000, 600_000


class Media(NamedTuple):
    """Figures, and what was left out, in words."""

    figures: str
    left_out: Sequence[str]


def pictures(contents: Contents) -> Media:
    """Return figures of the pictures, with a slider over their steps."""
    return _media("pictures", contents.images, contents.runs, "encoded_image_string", _picture)


def sounds(contents: Contents) -> Media:
    """Return figures of the sounds."""
    return _media("sounds", contents.audio, contents.runs, "encoded_audio_string", _sound)


def _picture(tag: str, step: int, item: Any, content: bytes) -> str:
    kind = "image/gif" if content[:4] == b"GIF8" else "image/jpeg" if content[:2] == b"\xff\xd8" else "image/png"
    # Small pictures are drawn larger, or nobody could see them.
    width = str(item.width * max(1, 112 // max(item.width, item.height, 1)))
    return element("img", alt=f"{tag} at step {step}, {item.width}×{item.height} pixels", width=width, src=_url(kind, content))


def _sound(tag: str, step: int, item: Any, content: bytes) -> str:
    return element("audio", [], controls=True, src=_url("audio/wav", content), aria_label=f"{tag} at step {step}")


def _url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _media(what: str, found: Sequence[tuple[str, int, Any]], runs: Sequence[str], field: str, show: Callable[..., str]) -> Media:
    figures, dropped, budget = [], 0, MEDIA_BYTES // max(len(found), 1)
    for tag, run, series in found:
        places = _chosen(len(series.steps))
        dropped += len(series.steps) - len(places)
        frames, used = [], 0
        for i in reversed(places):
            content = getattr(series.values[i], field)
            used += len(content)
            if used > budget:
                dropped += 1
                continue
            step = int(series.steps[i])
            text = element("p", f"step {step}", class_="soft")
            frames.append(element("div", [text, show(tag, step, series.values[i], content)], class_="frame", data_step=f"step {step}"))
        figures.append(_figure(tag, run, runs, element("div", frames[::-1], class_="frames")))
    left_out = [f"{dropped:,} {what} are not on this page, to keep it small."] if dropped else []
    return Media(element("div", figures, class_="pictures") if figures else "", left_out)


def _chosen(count: int) -> list[int]:
    """Return the places of what is shown, evenly over the steps and the last always."""
    return sorted({round(i * (count - 1) / max(STEPS - 1, 1)) for i in range(STEPS)})


def _figure(tag: str, run: int, runs: Sequence[str], content: str) -> str:
    of_run = [element("span", f" in {runs[run]}")] if len(runs) > 1 else []
    caption = element("figcaption", [tag_name(tag), *of_run])
    return element("figure", [caption, content], data_tag=tag, data_of_run=str(run))


def texts(contents: Contents) -> Media:
    """Return figures of the texts among the tensors."""
    figures, left_out = [], []
    letters = min(LETTERS, ALL_LETTERS // (STEPS * max(len(contents.tensors), 1)))
    for tag, run, series in contents.tensors:
        if not _is_text(series.values[-1]):
            left_out.append(f"The tensors of '{tag}' in run '{contents.runs[run]}' are not shown.")
            continue
        frames = []
        for i in _chosen(len(series.steps)):
            step = element("p", f"step {int(series.steps[i])}", class_="soft")
            text = element("pre", _shortened(_text(series.values[i]), letters), tabindex="0")
            frames.append(element("div", [step, text], class_="frame", data_step=f"step {int(series.steps[i])}"))
        figures.append(_figure(tag, run, contents.runs, element("div", frames, class_="frames")))
    return Media(element("div", figures, class_="pictures") if figures else "", left_out)


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[:letters]}\n... {len(text) - letters:,} letters more"


def _is_text(value: Any) -> bool:
    items = np.ravel(value)
    return items.dtype.kind in "OSU" and all(isinstance(item, bytes | str) for item in items.tolist())


def _text(value: Any) -> str:
    items = np.ravel(value).tolist()
    lines = [item.decode(errors="replace") if isinstance(item, bytes) else str(item) for item in items]
    return "\n".join(lines)
