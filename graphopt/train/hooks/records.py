"""What hooks note in a log directory beside summaries: that a session began, or was saved."""

from __future__ import annotations

from typing import NamedTuple

START, STOP, CHECKPOINT = 1, 2, 3


class SessionLog(NamedTuple):
    """Something that happened to a session, with the fields of TensorFlow's protocol buffer of that name.

    Attributes:
      status: START, STOP or CHECKPOINT. checkpoint_path: the checkpoint that was saved. msg: a remark.
    """

    status: int
    checkpoint_path: str = ""
    msg: str = ""
