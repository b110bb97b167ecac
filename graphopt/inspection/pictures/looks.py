"""How roles look: a colour, whose lightness tells the roles apart in grey too, a letter, and a word."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from graphopt.inspection.roles import BACKWARD, FORWARD, OTHER, STATE, UPDATE


class Look(NamedTuple):
    """The look of a role.

    Attributes:
      letter: in the corner of its boxes. fill, edge: colours. words: for the legend.
    """

    letter: str
    fill: str
    edge: str
    words: str


LOOKS = {
    STATE: Look("S", "#fdf6d3", "#8a7411", "state: variables, settings"),
    FORWARD: Look("F", "#cfe2f6", "#2c5f94", "forward: computes the loss"),
    BACKWARD: Look("B", "#eeb38c", "#8f4312", "backward: computes gradients"),
    UPDATE: Look("U", "#8cb187", "#23501e", "update: changes variables"),
    OTHER: Look("O", "#ffffff", "#5a5a5a", "other"),
}

# What lines look like, by their class, and what they mean.
LINES = {"data": "data", "control": "waits for, without taking a value", "back": "goes back up, into a scope that stands above"}

UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escaped(text: str) -> str:
    """Return text as it may stand in XML: in elements and in attributes, whatever was in it.

    >>> escaped('<a & "b">')
    '&lt;a &amp; &quot;b&quot;&gt;'
    """
    return html.escape(UNPRINTABLE.sub("\ufffd", text))
