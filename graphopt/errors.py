"""Every error graphopt raises.

Build-time errors subclass `GraphOptError` and the Python class that TensorFlow 1 raised in the same place, so that
``except ValueError`` in an old script still works. Run-time errors are the classes of ``tf.errors``; each carries
``.op``, ``.message`` and ``.error_code``.

A message has up to five lines: the broken rule with its values, the operation with the user's line, where the operands
came from, a hint when one can be computed, and an anchor in ``docs/errors.md``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import linecache
import sys
from pathlib import Path
from typing import Any, NamedTuple

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16


# Frames that are not the user's: graphopt's own, and those of the standard library's wrappers in between.
_NOT_USERS = (str(Path(__file__).resolve().parent), contextlib.__file__, functools.__file__, "<frozen importlib", importlib.__file__)


class Location(NamedTuple):
    """A line of the user's program."""

    filename: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}"

    @property
    def text(self) -> str:
        """The source line, or an empty string when it can't be read."""
        return linecache.getline(self.filename, self.line).strip()


def user_location() -> Location:
    """Return the innermost line outside of graphopt in the current call stack."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_USERS):
        frame = frame.f_back
    code = frame.f_code
    return Location(code.co_filename, frame.f_lineno, code.co_name)


class GraphOptError(Exception):
    """Base of every error raised while a graph is recorded or compiled.

    Attributes:
      location: the user's line that made the mistake; a message that does not name it is followed by it.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.location = user_location()

    def __str__(self) -> str:
        message = str(self.args[0]) if len(self.args) == 1 else super().__str__()
        return message if str(self.location) in message else f"{message}\n  at {self.location}"


class ShapeError(GraphOptError, ValueError):
    """Shapes of operands do not fit together."""


class DTypeError(GraphOptError, TypeError):
    """An operand has the wrong dtype."""


class ArgumentError(GraphOptError, ValueError):
    """An argument has a value that is not allowed."""


class ArgumentTypeError(GraphOptError, TypeError):
    """An argument has a type that is not allowed."""


class OperatorNotAllowedInGraphError(ArgumentTypeError):
    """A symbolic tensor was used where Python needs a value (``if t:``, ``for x in t``)."""


class ElementNotFoundError(GraphOptError, KeyError):
    """A name refers to nothing in the graph."""


class GraphStateError(GraphOptError, RuntimeError):
    """The graph, scope or session is in a state that does not allow the call."""


class GradientError(GraphOptError, LookupError):
    """An operation on the path to the loss has no gradient."""


class UnsupportedError(GraphOptError, NotImplementedError):
    """TensorFlow 1 raised NotImplementedError here; so does graphopt."""


class MissingPackageError(GraphOptError, ImportError):
    """A package of an extra is not installed."""


class MissingModuleError(GraphOptError, ModuleNotFoundError):
    """A module of TensorFlow that graphopt has not."""


class MissingNameError(GraphOptError, AttributeError):
    """A name of TensorFlow that graphopt has not."""


class AssertedArgumentError(ArgumentError, AssertionError):
    """An argument has a value that TensorFlow 1 refused with an assertion."""


class VerifyError(GraphOptError):
    """A program broke an invariant of the intermediate representation: a defect of graphopt, not of the user."""


class OpError(Exception):
    """Base of the run-time errors (``tf.errors``): the operation that failed, what happened, and a numeric code.

    Args:
      node_def: unused; kept for TensorFlow's argument order.
      op: the recorded operation that failed, or None when it is not known yet.
      message: what happened.
      error_code: one of the codes of this module.
    """

    code = UNKNOWN

    def __init__(self, node_def: Any, op: Any, message: str, error_code: int | None = None) -> None:
        super().__init__(message)
        self.node_def = node_def
        self.op = op
        self.message = message
        self.error_code = self.code if error_code is None else error_code

    def with_op(self, op: Any) -> OpError:
        """Return the same error with the recorded operation that caused it."""
        return type(self)(self.node_def, op, self.message)

    def __str__(self) -> str:
        if self.op is None:
            return self.message
        return f"{self.message}\n\t [[node {self.op.name} (defined at {self.op.location})]]"


class CancelledError(OpError):
    """The run was cancelled."""

    code = CANCELLED


class UnknownError(OpError):
    """An error of unknown kind, such as an exception in a `py_func`."""

    code = UNKNOWN


class InvalidArgumentError(OpError):
    """An operation received a value it can't work with."""

    code = INVALID_ARGUMENT


class DeadlineExceededError(OpError):
    """The run took longer than allowed."""

    code = DEADLINE_EXCEEDED


class NotFoundError(OpError):
    """A file or key does not exist."""

    code = NOT_FOUND


class AlreadyExistsError(OpError):
    """A thing to be made exists already."""

    code = ALREADY_EXISTS


class PermissionDeniedError(OpError):
    """The caller may not do this."""

    code = PERMISSION_DENIED


class ResourceExhaustedError(OpError):
    """Memory or disk ran out."""

    code = RESOURCE_EXHAUSTED


class FailedPreconditionError(OpError):
    """The state does not allow the operation, such as reading an uninitialised variable."""

    code = FAILED_PRECONDITION


class AbortedError(OpError):
    """The operation was aborted."""

    code = ABORTED


class OutOfRangeError(OpError):
    """An iteration ran past its end."""

    code = OUT_OF_RANGE


class UnimplementedError(OpError):
    """The operation is not implemented for these operands."""

    code = UNIMPLEMENTED


class InternalError(OpError):
    """An invariant of graphopt was broken."""

    code = INTERNAL


class UnavailableError(OpError):
    """A service is not available now."""

    code = UNAVAILABLE


class DataLossError(OpError):
    """Data were lost or damaged."""

    code = DATA_LOSS


class UnauthenticatedError(OpError):
    """The caller is not known."""

    code = UNAUTHENTICATED


_CLASSES: dict[int, type[OpError]] = {cls.code: cls for cls in OpError.__subclasses__()}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    """Return the exception class of a numeric code.

    >>> exception_type_from_error_code(3).__name__
    'InvalidArgumentError'
    """
    return _CLASSES[error_code]


def error_code_from_exception_type(cls: type[OpError]) -> int:
    """Return the numeric code of an exception class.

    >>> error_code_from_exception_type(InvalidArgumentError)
    3
    """
    return cls.code


def invalid_argument(message: str) -> InvalidArgumentError:
    """Return the error a kernel raises; the executor adds the operation."""
    return InvalidArgumentError(None, None, message)


def first_line(error: BaseException) -> str:
    """Return what an error says, without the lines about where."""
    return str(error).split("\n")[0]


def lines(rule: str, *more: str | None) -> str:
    """Join the lines of a message, leaving out those that are None."""
    return "\n".join([rule, *(f"  {line}" for line in more if line)])
