"""Kernels that must go along an axis in order: sorting (`ordered_sort.py`) and running sums.

They are generated per dtype, not per shape: lengths are arguments. An array is seen as
(outer, length, inner) around its axis, so element i of a row is `inner` elements from the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir import access, scalar
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import (
    I32,
    I64,
    POINTER,
    Number,
    constant,
    iota,
    memory_type,
    value_type,
    vector,
)
from graphc.kernels.build import compute_dtype
from graphc.kernels.evaluate import identity
from graphc.schedule.plan import CumulativeStep


@dataclass(frozen=True, slots=True)
class Opened:
    """The head of a function: pointers, numbers, and the items of its chunk."""

    f: Function
    pointers: tuple[str, ...]
    numbers: tuple[str, ...]
    chunk: Number
    chunks: Number

    def share(self, items: Number) -> tuple[Number, Number]:
        """The items of this chunk."""
        f = self.f
        following = f.add(self.chunk, 1)
        low, high = (f.div(f.mul(c, items), self.chunks) for c in (self.chunk, following))
        return low, high


def open_plain(module: Module, name: str, pointers: int, numbers: int) -> Opened:
    """Begin a function called like a kernel: cells of pointers, then cells of i64 numbers."""
    arguments = [(f"{POINTER} noalias", "args"), (I32, "chunk"), (I32, "nchunks")]
    f = Function(module, name, arguments)

    def cell(position: int, type_: str) -> str:
        return f.load(type_, f.load(POINTER, f.gep(POINTER, "%args", position)))

    held = tuple(cell(i, POINTER) for i in range(pointers))
    known = tuple(cell(pointers + i, I64) for i in range(numbers))
    chunk, chunks = (f.cast("zext", I32, f"%{n}", I64) for n in ("chunk", "nchunks"))
    return Opened(f, held, known, chunk, chunks)


# ---------------------------------------------------------------------------- running sums


def cumulative_name(step: CumulativeStep) -> str:
    """What distinguishes the code of such steps, as the name of the function."""
    words = [f"cumulative_{step.kind}_{step.x.dtype}"]
    words += ["reverse"] * step.reverse + ["exclusive"] * step.exclusive
    return "_".join([*words, "rows" if _is_last(step) else "columns"])


def emit_cumulative(module: Module, step: CumulativeStep, target: Target) -> None:
    """`name(x, y; outer, length, inner)`: an item is a row, or a vector of neighbouring rows."""
    opened = open_plain(module, cumulative_name(step), 2, 3)
    f, (outer, _, inner) = opened.f, opened.numbers
    width = 0 if _is_last(step) else target.lanes
    blocks = f.ceildiv(inner, width) if width else 1

    def item(i: Number, _: list[str]) -> None:
        first = f.mul(f.rem(i, blocks), width)
        mask = _lanes_left(f, width, f.sub(inner, first)) if width else None
        _Rows(opened, step, width, mask).write(f.div(i, blocks), first)

    low, high = opened.share(f.mul(outer, blocks))
    f.loop(low, high, 1, item, hint="item")
    f.give_back()


@dataclass(frozen=True, slots=True)
class _Rows:
    """One row, or one vector of rows side by side."""

    opened: Opened
    step: CumulativeStep
    width: int
    mask: str | None

    def write(self, block: Number, first: Number) -> None:
        """Accumulate along the axis, from its other end if reversed."""
        step, f = self.step, self.opened.f
        _, length, inner = self.opened.numbers
        stride = inner if self.width else 1
        start = f.add(f.mul(block, f.mul(length, stride)), first)
        dtype = step.x.dtype
        value = value_type(compute_dtype(dtype), self.width)
        nothing = constant(compute_dtype(dtype), identity(step.kind, dtype), self.width)

        def one(i: Number, carried: list[str]) -> list[str]:
            place = f.sub(f.sub(length, 1), i) if step.reverse else i
            at = f.add(start, f.mul(place, stride))
            before = carried[0]
            after = self._combined(before, self._read(at))
            self._write(at, before if step.exclusive else after)
            return [after]

        f.loop(0, length, 1, one, [(value, nothing)])

    def _combined(self, a: str, b: str) -> str:
        dtype = compute_dtype(self.step.x.dtype)
        return scalar.combine(self.opened.f, self.step.kind, dtype, self.width, a, b)

    def _read(self, at: Number) -> str:
        f, dtype = self.opened.f, self.step.x.dtype
        pointer = f.gep(memory_type(dtype), self.opened.pointers[0], at)
        return access.read(f, dtype, self.width, pointer, self.mask)

    def _write(self, at: Number, value: str) -> None:
        f, dtype = self.opened.f, self.step.y.dtype
        pointer = f.gep(memory_type(dtype), self.opened.pointers[1], at)
        access.write(f, dtype, self.width, value, pointer, self.mask)


def _is_last(step: CumulativeStep) -> bool:
    return all(size == 1 for size in step.x.shape[step.axis + 1 :])


def _lanes_left(f: Function, width: int, left: Number) -> str:
    """The mask of the lanes that exist."""
    type_ = vector(I64, width)
    return f.relate("lt", type_, iota(I64, width), f.splat(type_, left))
