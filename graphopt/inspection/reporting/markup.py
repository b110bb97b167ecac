"""HTML by element, with every text escaped."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

_VOID = frozenset({"img", "input", "meta", "br"})


def element(name: str, content: str | Sequence[str] = (), /, **attributes: str | bool) -> str:
    """Return an HTML element.

    Args:
      name: of the element. content: a text, which is escaped; or a list of elements.
      attributes: underscores stand for dashes (`class_` for class); an empty text or False leaves it out, True gives the name alone.

    >>> element("p", "a < b", class_="soft")
    '<p class="soft">a &lt; b</p>'
    >>> element("p", [element("b", "loss")], hidden=True)
    '<p hidden><b>loss</b></p>'
    """
    given = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value not in ("", False))
    if name in _VOID:
        return f"<{name}{given}>"
    inside = html.escape(content, quote=False) if isinstance(content, str) else "".join(content)
    return f"<{name}{given}>{inside}</{name}>"


def tag_name(tag: str) -> str:
    """Return a tag's name as HTML that may break into lines after slashes and underscores.

    >>> tag_name("a<b/c")
    'a&lt;b/<wbr>c'
    """
    return html.escape(tag, quote=False).replace("/", "/<wbr>").replace("_", "_<wbr>")


def _attribute(name: str, value: str | bool) -> str:
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def script_data(value: Any) -> str:
    """Return a value as JSON that can stand in a script element.

    >>> script_data({"tag": "</script>"})
    '{"tag":"\\\\u003c/script>"}'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def number(value: float) -> str:
    """Return a number with five digits.

    >>> number(0.000123456), number(379.0), number(float("nan"))
    ('0.00012346', '379', 'NaN')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    return f"{value:.5g}"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(0.5), duration(75), duration(7322)
    ('0.5 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours:,} h {left} min" if hours else f"{minutes} min {rest} s"
