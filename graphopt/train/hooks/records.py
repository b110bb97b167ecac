"""What hooks note in a log directory beside summaries: that a session began, or was saved."""

from __future__ import annotations

from graphopt.ops.summary_message import Field, Message

START, STOP, CHECKPOINT = 1, 2, 3


class SessionLog(Message):
    """Something that happened to a session, as TensorFlow's protocol buffer of that name.

    Its `status` is START, STOP or CHECKPOINT; `checkpoint_path` is the checkpoint that was saved, `msg` a remark.
    """

    status = Field(1, "int")
    checkpoint_path = Field(2, "string")
    msg = Field(3, "string")
