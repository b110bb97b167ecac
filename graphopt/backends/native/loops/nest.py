"""The loop kernel: elementwise steps and reductions over an n-dimensional space, as one function with run-time sizes and strides.

The structure says how many dimensions there are once those that lie behind each other in memory have been joined, which of them are
reduced, how each operand lies along the last one, and the steps. Sizes and strides are slots of the record.

A reduced last dimension is added up in registers, lane by lane, and the lanes are joined at the end; results that are reduced along
an outer dimension are kept in memory and updated row by row. A leading reduced dimension is cut into chunks of a size that depends on
the shape alone, each with partial results of its own, which a second call joins in order: so the bits never depend on the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, Value, bytes_of, constant, suffix, vector
from graphopt.backends.native.kernel import kernel_function, slot
from graphopt.backends.native.loops.reductions import combine, identity
from graphopt.backends.native.loops.scalar import emit_cast, emit_scalar, is_cast
from graphopt.backends.native.loops.structure import KEPT, REDUCED, Operand, Result, Step, stored

_Body = Callable[[Value, Value | None, list[Value]], list[Value]]


@dataclass(frozen=True)
class LoopNest:
    """The kernel. Its slots: the dimensions' sizes; the chunk and the size of a partial result when the first dimension is reduced;
    for each operand its pointer and the strides marked ``n``; for each result its pointer and one stride for each dimension it keeps.

    Attributes:
      dimensions: ``k`` or ``r`` for each, outermost first.
    """

    dimensions: str
    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]

    @property
    def title(self) -> str:
        """What the kernel does, in a few words."""
        kinds = " and ".join(dict.fromkeys([result.reduction for result in self.results if result.reduction is not None]))
        if not self.steps:
            return f"{kinds} of partial results" if kinds else "copy"
        count = f"loop of {len(self.steps)} step{'s' * (len(self.steps) > 1)}"
        return f"{count}, {kinds}" if kinds else count

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel's function into the module."""
        _Emission(self, module, name).write()

    def lanes(self, vector_bytes: int) -> int:
        """Return how many elements are done at once: as many as fill a register with the commonest kind of element."""
        if not self.dimensions:
            return 1
        elements = [o.element for o in self.operands if o.number is None] + [s.element for s in self.steps]
        sizes = {bytes_of(element) for element in elements if element != "i1"}
        return vector_bytes // (8 if sizes == {8} else 4)


@dataclass(frozen=True)
class _Place:
    """Where an operand or a result stands at some level of the nest: a pointer, and its stride along each dimension."""

    pointer: Value
    strides: tuple[Value | None, ...]


class _Emission:
    """Writes one loop kernel."""

    def __init__(self, kernel: LoopNest, module: Module, name: str) -> None:
        self.kernel = kernel
        self.lanes = kernel.lanes(module.host.vector_bytes)
        self.function, self.record, self.begin, self.end, _ = kernel_function(module, name)
        self.last = len(kernel.dimensions) - 1
        self._next_slot = 0
        self.sizes = [self._size() for _ in kernel.dimensions]
        self.first_is_reduced = kernel.dimensions.startswith(REDUCED)
        self.chunk: Value | None = self._size() if self.first_is_reduced else None
        self.partial: Value | None = self._size() if self.first_is_reduced else None
        self.operands = [None if o.number is not None else self._place([c == "n" for c in o.strides]) for o in kernel.operands]
        self.results = [self._place([kept or r.reduction is None for kept in self._kept()]) for r in kernel.results]
        # The trailing run of reduced dimensions is added up in registers.
        self.run = len(kernel.dimensions.rstrip(REDUCED))
        self.keeps_in_memory = REDUCED in kernel.dimensions[: self.run]
        self.fixed: dict[int, Value] = {}

    def _kept(self) -> list[bool]:
        return [dimension == KEPT for dimension in self.kernel.dimensions]

    def _size(self) -> Value:
        self._next_slot += 1
        return slot(self.function, self.record, self._next_slot - 1, "i64")

    def _place(self, strided: Sequence[bool]) -> _Place:
        self._next_slot += 1
        pointer = slot(self.function, self.record, self._next_slot - 1)
        return _Place(pointer, tuple([self._size() if has_stride else None for has_stride in strided]))

    # --- the nest --------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the whole function."""
        for i, operand in enumerate(self.kernel.operands):
            if operand.number is not None:
                type_ = vector(self.lanes, operand.element)
                self.fixed[i] = constant(type_, operand.number)
            elif set(operand.strides) <= {"0"}:
                self.fixed[i] = self._splat(i, self.operands[i])
        if not self.kernel.dimensions:
            self._scalars()
        elif self.first_is_reduced:
            self._chunks()
        else:
            self._region(self.begin, self.end, self.operands, self.results)
        self.function.ret()

    def _scalars(self) -> None:
        values = self._steps(dict(self.fixed))
        for result, place in zip(self.kernel.results, self.results, strict=True):
            self._store(values[result.value], place.pointer, None)

    def _chunks(self) -> None:
        f = self.function
        if self.chunk is None or self.partial is None:
            raise AssertionError("chunks without a reduced first dimension")
        with f.loop(self.begin, self.end) as loop:
            low = f.mul(loop.index, self.chunk)
            high = f.call("llvm.smin.i64", "i64", f.add(low, self.chunk), self.sizes[0])
            moved = f.mul(loop.index, self.partial)
            results = [
                place if result.reduction is None else _Place(self._offset(place.pointer, result.element, moved), place.strides)
                for result, place in zip(self.kernel.results, self.results, strict=True)
            ]
            self._region(low, high, self.operands, results)

    def _region(self, low: Value, high: Value, operands: Sequence[_Place | None], results: Sequence[_Place]) -> None:
        """Write the nest for the part from `low` to `high` of the first dimension."""
        if self.keeps_in_memory:
            for result, place in zip(self.kernel.results, results, strict=True):
                if result.reduction is not None:
                    self._fill(result, place, low, high)
        self._level(0, low, high, operands, results)

    def _fill(self, result: Result, place: _Place, low: Value, high: Value) -> None:
        """Set the partial results that a region adds to to the value that changes nothing."""
        f = self.function
        row = place.strides[0]
        pointer = place.pointer if row is None else self._offset(place.pointer, result.element, f.mul(low, row))
        count = self.partial if row is None else f.mul(f.let("sub", high, low), row)
        if count is None:
            raise AssertionError("a partial result without a size")
        start = identity(result, vector(self.lanes, result.element))

        def store(index: Value, mask: Value | None) -> None:
            self._store(start, self._offset(pointer, result.element, index), mask)

        self._vectors(constant("i64", 0), count, store)

    def _level(self, depth: int, low: Value, high: Value, operands: Sequence[_Place | None], results: Sequence[_Place]) -> None:
        """Write the loops from dimension `depth` on, over `low` to `high` of it."""
        if depth == self.run:
            self._reduce(depth, low, high, operands, results)
        elif depth == self.last:
            self._row(low, high, operands, results)
        else:
            with self.function.loop(low, high) as loop:
                inner, outer = self._advance(depth, loop.index, operands, results)
                self._level(depth + 1, constant("i64", 0), self.sizes[depth + 1], inner, outer)

    def _advance(
        self, depth: int, index: Value, operands: Sequence[_Place | None], results: Sequence[_Place]
    ) -> tuple[list[_Place | None], list[_Place]]:
        """Return the places of operands and results at an index of a dimension."""
        inner = [
            None if place is None else self._moved(place, depth, index, operand.element)
            for place, operand in zip(operands, self.kernel.operands, strict=True)
        ]
        return inner, [self._moved(place, depth, index, result.element) for place, result in zip(results, self.kernel.results, strict=True)]

    def _moved(self, place: _Place, depth: int, index: Value, element: str) -> _Place:
        stride = place.strides[depth]
        if stride is None:
            return place
        return _Place(self._offset(place.pointer, element, self.function.mul(index, stride)), place.strides)

    def _row(self, low: Value, high: Value, operands: Sequence[_Place | None], results: Sequence[_Place]) -> None:
        """Write the loop over a last dimension that is kept."""
        splats = self._row_splats(operands)

        def body(index: Value, mask: Value | None) -> None:
            values = self._values(index, mask, operands, splats)
            for result, place in zip(self.kernel.results, results, strict=True):
                pointer = self._offset(place.pointer, result.element, index)
                value = values[result.value]
                if result.reduction is not None and REDUCED in self.kernel.dimensions:
                    value = combine(self.function, result, self._load(result.element, pointer, mask), value)
                self._store(value, pointer, mask)

        self._vectors(low, high, body)

    def _reduce(self, depth: int, low: Value, high: Value, operands: Sequence[_Place | None], results: Sequence[_Place]) -> None:
        """Write the loops over the trailing reduced dimensions, with the partial results in registers."""
        reduced = [result for result in self.kernel.results if result.reduction is not None]
        sums = [identity(result, vector(self.lanes, result.element)) for result in reduced]
        totals = iter(self._run(depth, low, high, operands, results, sums))
        for result, place in zip(self.kernel.results, results, strict=True):
            if result.reduction is not None:
                total = self._across(result, next(totals))
                if self.keeps_in_memory:
                    total = combine(self.function, result, self._load(result.element, place.pointer, None, lanes=1), total)
                self._store(total, place.pointer, None)

    def _run(
        self, depth: int, low: Value, high: Value, operands: Sequence[_Place | None], results: Sequence[_Place], sums: list[Value]
    ) -> list[Value]:
        if depth < self.last:
            with self.function.loop(low, high, carried=sums) as loop:
                inner, outer = self._advance(depth, loop.index, operands, results)
                loop.carry(*self._run(depth + 1, constant("i64", 0), self.sizes[depth + 1], inner, outer, loop.carried))
            return loop.results
        splats = self._row_splats(operands)

        def body(index: Value, mask: Value | None, current: list[Value]) -> list[Value]:
            values = self._values(index, mask, operands, splats)
            following = iter(current)
            later = []
            for result, place in zip(self.kernel.results, results, strict=True):
                value = values[result.value]
                if result.reduction is None:
                    self._store(value, self._offset(place.pointer, result.element, index), mask)
                    continue
                if mask is not None:
                    value = self.function.select(mask, value, identity(result, value.type))
                later.append(combine(self.function, result, next(following), value))
            return later

        return self._carried_vectors(low, high, sums, body)

    def _across(self, result: Result, total: Value) -> Value:
        """Return the lanes of a vector joined into one value, halves first."""
        lanes = self.lanes
        while lanes > 2:
            lanes //= 2
            low = self.function.shuffle(total, total, range(lanes))
            high = self.function.shuffle(total, total, range(lanes, 2 * lanes))
            total = combine(self.function, result, low, high)
        if lanes == 1:
            return total
        return combine(self.function, result, self.function.extract(total, 0), self.function.extract(total, 1))

    # --- one vector ------------------------------------------------------------------------------------------------

    def _vectors(self, low: Value, high: Value, body: Callable[[Value, Value | None], None]) -> None:
        """Write `body` for whole vectors from `low` to `high`, and once more with a mask for the rest."""

        def write(index: Value, mask: Value | None, sums: list[Value]) -> list[Value]:
            body(index, mask)
            return []

        self._carried_vectors(low, high, [], write)

    def _carried_vectors(self, low: Value, high: Value, sums: list[Value], write: _Body) -> list[Value]:
        f = self.function
        count = f.let("sub", high, low)
        whole = f.add(low, f.let("and", count, constant("i64", -self.lanes)))
        with f.loop(low, whole, self.lanes, sums) as loop:
            loop.carry(*write(loop.index, None, loop.carried))
        rest = f.let("sub", high, whole)
        with f.loop(whole, high, self.lanes, loop.results) as tail:
            tail.carry(*write(tail.index, f.first_lanes(rest, self.lanes), tail.carried))
        return tail.results

    def _row_splats(self, operands: Sequence[_Place | None]) -> dict[int, Value]:
        """Return the operands that are the same all along the last dimension, each in every lane."""
        splats = dict(self.fixed)
        for i, (operand, place) in enumerate(zip(self.kernel.operands, operands, strict=True)):
            if i not in splats and operand.strides.endswith("0"):
                splats[i] = self._splat(i, place)
        return splats

    def _splat(self, index: int, place: _Place | None) -> Value:
        if place is None:
            raise AssertionError("a constant operand has no place")
        return self.function.splat(self._load(self.kernel.operands[index].element, place.pointer, None, lanes=1), self.lanes)

    def _values(self, index: Value, mask: Value | None, operands: Sequence[_Place | None], splats: dict[int, Value]) -> dict[int, Value]:
        """Return every value of the body by number, for the lanes that begin at `index`."""
        values = dict(splats)
        for i, (operand, place) in enumerate(zip(self.kernel.operands, operands, strict=True)):
            if i in values or place is None:
                continue
            if operand.strides.endswith("1"):
                values[i] = self._load(operand.element, self._offset(place.pointer, operand.element, index), mask)
            else:
                values[i] = self._gather(operand, place, index, mask)
        return self._steps(values)

    def _steps(self, values: dict[int, Value]) -> dict[int, Value]:
        first = len(self.kernel.operands)
        for number, step in enumerate(self.kernel.steps, start=first):
            names = {field: values[at] for field, at in step.operands}
            if is_cast(step.text):
                (only,) = names.values()
                values[number] = emit_cast(self.function, only, step.element, step.signed, step.to_signed)
            else:
                values[number] = emit_scalar(self.function, step.text, names, step.signed)
        return values

    # --- memory ----------------------------------------------------------------------------------------------------

    def _offset(self, pointer: Value, element: str, index: Value) -> Value:
        return self.function.offset(pointer, stored(element), index)

    def _load(self, element: str, pointer: Value, mask: Value | None, lanes: int | None = None) -> Value:
        type_ = vector(lanes or self.lanes, stored(element))
        value = self.function.load(type_, pointer) if mask is None else self.function.masked_load(type_, pointer, mask)
        return self.function.compare("ne", value, constant(type_, 0)) if element == "i1" else value

    def _gather(self, operand: Operand, place: _Place, index: Value, mask: Value | None) -> Value:
        f = self.function
        stride = place.strides[-1]
        if stride is None:
            raise AssertionError("a gathered operand without a stride")
        at = f.let("mul", f.let("add", f.splat(index, self.lanes), self._lane_numbers()), f.splat(stride, self.lanes))
        element = stored(operand.element)
        pointers = f.value(vector(self.lanes, "ptr"), f"getelementptr {element}, {place.pointer}, {at}")
        type_ = vector(self.lanes, element)
        every = mask or constant(vector(self.lanes, "i1"), True)
        name = f"llvm.masked.gather.{suffix(type_)}.{suffix(pointers.type)}"
        f.module.declare(name, type_, [pointers.type, every.type, type_])
        aligned = f"{pointers.type} align {bytes_of(element)} {pointers.text}"
        value = f.value(type_, f"call {type_} @{name}({aligned}, {every}, {type_} zeroinitializer)")
        return f.compare("ne", value, constant(type_, 0)) if operand.element == "i1" else value

    def _lane_numbers(self) -> Value:
        numbers = ", ".join(f"i64 {lane}" for lane in range(self.lanes))
        return Value(f"<{numbers}>", vector(self.lanes, "i64"))

    def _store(self, value: Value, pointer: Value, mask: Value | None) -> None:
        if value.type.endswith("i1>") or value.type == "i1":
            value = self.function.convert("zext", value, "i8")
        if mask is None:
            self.function.store(value, pointer)
        else:
            self.function.masked_store(value, pointer, mask)
