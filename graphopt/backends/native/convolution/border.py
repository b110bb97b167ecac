"""Images with zeros around them."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, vector
from graphopt.backends.native.kernel import kernel_function, slot


@dataclass(frozen=True)
class Border:
    """The structure of a copy of images into the middle of larger ones; ``begin`` and ``end`` count rows of the larger ones.

    The record: pointers to the images and their copies; the rows of an image and the elements of a row; the same of a copy; the rows above
    the image, and the elements left of it.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return "zeros around images"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        f, record, begin, end, _ = kernel_function(module, name)
        source, target = (slot(f, record, i) for i in range(2))
        height, width, all_rows, all_width, top, left = (slot(f, record, i, "i64") for i in range(2, 8))
        right = f.let("sub", f.let("sub", all_width, width), left)
        lanes = module.host.lanes(bytes_of(self.element))
        with f.loop(begin, end) as loop:
            image, row = f.let("sdiv", loop.index, all_rows), f.let("sub", f.let("srem", loop.index, all_rows), top)
            to = f.offset(target, self.element, f.mul(loop.index, all_width))
            # Unsigned, so that rows above are as far outside as those below.
            is_inside = f.compare("ult", row, height)
            start = f.offset(source, self.element, f.mul(f.add(f.mul(image, height), row), width))
            middle = f.offset(to, self.element, left)
            zeros = constant(vector(lanes, self.element), 0)
            with f.when(is_inside):
                _fill(f, self.element, lanes, None, zeros, to, left)
                _fill(f, self.element, lanes, start, zeros, middle, width)
                _fill(f, self.element, lanes, None, zeros, f.offset(middle, self.element, width), right)
            with f.when(f.value("i1", f"xor {is_inside}, true")):
                _fill(f, self.element, lanes, None, zeros, to, all_width)
            loop.carry()
        f.ret()


def _fill(f: Function, element: str, lanes: int, source: Value | None, zeros: Value, target: Value, count: Value) -> None:
    """Write the copy of `count` elements, or of zeros when there is no source."""
    whole = f.let("and", count, constant("i64", -lanes))
    with f.loop(0, whole, lanes) as loop:
        value = zeros if source is None else f.load(zeros.type, f.offset(source, element, loop.index))
        f.store(value, f.offset(target, element, loop.index))
        loop.carry()
    with f.when(f.compare("slt", whole, count)):
        mask = f.first_lanes(f.let("sub", count, whole), lanes)
        value = zeros if source is None else f.masked_load(zeros.type, f.offset(source, element, whole), mask)
        f.masked_store(value, f.offset(target, element, whole), mask)
