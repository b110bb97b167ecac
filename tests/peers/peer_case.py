"""What a peer case is: a program written once with TensorFlow 1 names, run on TensorFlow to record it and on graphopt to compare.

Three kinds: an `OpCase` is one expression over placeholders, an `ErrorCase` an expression that must be refused, a `Scenario` any
function of the module that returns what it saw. A case is called `family/subject/variant`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Build = Callable[..., Any]
"""A function of the TensorFlow module and the case's input tensors in order."""


class Reworded(str):
    """Words of TensorFlow 1.15 that the recorded peer has changed since: asked of graphopt, not of the peer."""


@dataclass(frozen=True)
class OpCase:
    """One expression: its values, types, static shapes, names and gradients are compared."""

    name: str
    build: Build
    inputs: dict[str, np.ndarray]
    fixed: tuple[str, ...] = ()  # inputs that keep their first dimension in the run with hidden ones
    hidden: bool = True  # whether there is a run with hidden dimensions at all
    gradient: bool = True
    rtol: float | None = None
    atol: float | None = None
    names: str = "auto"  # "exact", "scope", "off"; auto: exact for one-op results, the scope for composite ones
    zero_sign: bool = False  # tell -0.0 from 0.0
    why: str = ""  # the reason of a loosened tolerance or a part left out


@dataclass(frozen=True)
class ErrorCase:
    """An expression that is refused, either while it is built or while it runs."""

    name: str
    kind: str  # "build" or "run"
    build: Build
    inputs: dict[str, np.ndarray]
    shapes: str = "full"  # of the placeholders: "full", "hidden" (first dimension) or "unknown" (rank too)
    says: str | None = None  # text the message must hold; None: the recorded first line; "": the class alone decides
    reference: str | None = None  # the class of the exception in TensorFlow 1.15, where the peer raises another one or none


@dataclass(frozen=True)
class Scenario:
    """A function of the module that returns a tree of dicts and lists of names, numbers, arrays and `Raised`."""

    name: str
    run: Callable[[Any], Any]
    rtol: float | None = None
    atol: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Raised:
    """An exception that a scenario saw: the names of its classes, its text, and the text asked of graphopt's."""

    classes: tuple[str, ...]
    message: str
    says: str | None = None

    @classmethod
    def of(cls, error: BaseException, says: str | None = None) -> Raised:
        return cls(tuple(c.__name__ for c in type(error).__mro__), str(error), says)

    @property
    def expected(self) -> str:
        """The text that another implementation's message must hold."""
        return self.first_line if self.says is None else self.says

    @property
    def first_line(self) -> str:
        """The line that says what is wrong, without the frame that TensorFlow 2 puts around it and without addresses."""
        text = self.message.strip()
        if text.startswith("Graph execution error"):
            text = re.split(r"Node: '[^']*'\n", text, maxsplit=1)[-1].strip()
        return re.sub(r" at 0x[0-9a-f]+", "", text.split("\n", 1)[0].strip())


def raised(action: Callable[[], Any], says: str | None = None) -> Raised | None:
    """What `action` raises, None where it does not."""
    try:
        action()
    except Exception as error:
        return Raised.of(error, says)
    return None


@dataclass
class OpTable:
    """The op cases of one family. Calling it adds one; the keyword arguments that are not options are the inputs, in order."""

    family: str
    cases: list[OpCase] = field(default_factory=list)

    def __call__(
        self,
        name: str,
        build: Build,
        *,
        fixed: tuple[str, ...] = (),
        hidden: bool = True,
        gradient: bool = True,
        rtol: float | None = None,
        atol: float | None = None,
        names: str = "auto",
        zero_sign: bool = False,
        why: str = "",
        **inputs: Any,
    ) -> None:
        arrays = {k: np.asarray(v) for k, v in inputs.items()}
        full = f"{self.family}/{name}"
        self.cases.append(OpCase(full, build, arrays, fixed, hidden, gradient, rtol, atol, names, zero_sign, why))

    def define(self, name: str, **options: Any) -> Callable[[Build], Build]:
        """The same as a decorator of the build function."""

        def keep(build: Build) -> Build:
            self(name, build, **options)
            return build

        return keep

    def __iter__(self) -> Iterator[OpCase]:
        return iter(self.cases)


@dataclass
class ErrorTable:
    """The refused expressions of one family."""

    family: str
    cases: list[ErrorCase] = field(default_factory=list)

    def __call__(
        self,
        name: str,
        kind: str,
        build: Build,
        *,
        shapes: str = "full",
        says: str | None = None,
        reference: str | None = None,
        **inputs: Any,
    ) -> None:
        arrays = {k: np.asarray(v) for k, v in inputs.items()}
        self.cases.append(ErrorCase(f"{self.family}/{name}", kind, build, arrays, shapes, says, reference))

    def __iter__(self) -> Iterator[ErrorCase]:
        return iter(self.cases)


@dataclass
class ScenarioTable:
    """The scenarios of one family: a decorator, and `add` for those made in a loop."""

    family: str
    cases: list[Scenario] = field(default_factory=list)

    def __call__(self, name: str, **options: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        def keep(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
            self.add(name, run, **options)
            return run

        return keep

    def add(self, name: str, run: Callable[[Any], Any], **options: Any) -> None:
        self.cases.append(Scenario(f"{self.family}/{name}", run, **options))

    def __iter__(self) -> Iterator[Scenario]:
        return iter(self.cases)


def lookup(tf: Any, path: str) -> Any:
    """The public name `path` of the module, such as `nn.relu`."""
    for part in path.split("."):
        tf = getattr(tf, part)
    return tf


def call(path: str, *extra: Any, **options: Any) -> Build:
    """A build function: the public name `path` applied to the inputs, then `extra`, with `options`."""
    return lambda tf, *tensors: lookup(tf, path)(*tensors, *extra, **options)


def call_list(path: str, *extra: Any, **options: Any) -> Build:
    """The same for functions that take one list of tensors."""
    return lambda tf, *tensors: lookup(tf, path)(list(tensors), *extra, **options)
