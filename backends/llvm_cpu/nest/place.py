"""One place in the loops: which axes are bound to what, and the arithmetic of indices there.

Scalars are i64 (a known one is a Python int). An index that differs from lane to lane is a scalar
plus a small vector (`LaneIndex`), so that lanes compute in 32 bits and addresses still reach all
of memory. What is read or written at an index is `memory.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace

from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import (
    I1,
    I32,
    I64,
    Number,
    iota,
    like,
    literal,
    literal_lanes,
    prefix_mask,
    value_type,
    vector,
)
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.dtypes import DType
from graphc.ir.dim import Atom, FloorDiv, Size
from graphc.kernels.kernel import Affine, Axis, Expr, Index

SMALL = 2**30
"""Lane arithmetic whose values stay below this is done in 32 bits."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The vectorised axis: `groups` vectors side by side from `base`.

    `left` elements remain from `base` on if that may be fewer than the vectors hold.
    """

    axis: str
    base: Number
    groups: int
    left: Number | None = None


@dataclass(frozen=True, slots=True)
class LaneIndex:
    """An index per lane: base + offsets, where offsets are a vector of i32 or i64."""

    base: Number
    offsets: str
    type_: str

    @property
    def is_wide(self) -> bool:
        """Whether the offsets are i64."""
        return self.type_.endswith("i64>")


class Place:
    """Bound axes, and what sizes and indices are there. Changed only by `bind`."""

    def __init__(
        self,
        f: Function,
        axes: Iterable[Axis],
        pointers: Mapping[str, str],
        sizes: Mapping[str, Number],
    ) -> None:
        self.f = f
        self.width = f.target.lanes
        self.axes = {a.name: a for a in axes}
        self.pointers, self.sizes = dict(pointers), dict(sizes)
        self.at: dict[str, Number] = {}
        self.lanes: Lanes | None = None
        self.ranges: Mapping[str, tuple[int, int]] = {}
        """Of some bound axes the values that they can have here: from the first up to before the
        second."""
        self._known: dict[Affine | Size, Number] = {}

    @contextmanager
    def bind(self, at: Mapping[str, Number], lanes: Lanes | None = None) -> Iterator[None]:
        """Bind axes to scalars, and one to lanes."""
        saved = self.at, self.lanes, self._known
        stale = self.bound() & ({*at, lanes.axis} if lanes else at.keys())
        self._known = {k: v for k, v in saved[2].items() if not _depends(k, stale)}
        self.at = {**self.at, **at}
        self.lanes = lanes or (None if self.lanes and self.lanes.axis in at else self.lanes)
        yield
        self.at, self.lanes, self._known = saved

    @contextmanager
    def within(self, ranges: Mapping[str, tuple[int, int]]) -> Iterator[None]:
        """Say which values bound axes can have here."""
        saved, self.ranges = self.ranges, ranges
        yield
        self.ranges = saved

    def bound(self) -> frozenset[str]:
        """The axes that have a value here."""
        return frozenset(self.at) | ({self.lanes.axis} if self.lanes else frozenset())

    # ---- scalars

    def size(self, size: Size) -> Number:
        """The value of a size."""
        if isinstance(size, int):
            return size
        return self._cached(size, lambda: self._polynomial(size))

    def _polynomial(self, size: Size) -> Number:
        assert not isinstance(size, int), "a number needs no arithmetic"
        f = self.f
        total: Number = 0
        for monomial, coef in size.terms:
            term: Number = coef
            for atom in monomial:
                term = f.mul(term, self._atom(atom))
            total = f.add(total, term)
        return total

    def _atom(self, atom: Atom) -> Number:
        if isinstance(atom, FloorDiv):
            return self.f.floordiv(self.size(atom.numerator), self.size(atom.denominator))
        return self.sizes[atom]

    def _cached(self, key: Affine | Size, compute: Callable[[], Number]) -> Number:
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def extent(self, axis: str) -> Number:
        """How many values of an axis exist here; the last part of a cut axis may be short."""
        a, f = self.axes[axis], self.f
        size = self.size(a.size)
        if a.part is None:
            return size
        before = f.mul(self.size(a.part.block), self.at[a.part.parent])
        return f.min(size, f.max(0, f.sub(self.size(a.part.total), before)))

    def affine(self, index: Affine) -> Number:
        """The value of an index that is the same in all lanes."""
        assert not self.uses_lanes(index), "an index that differs from lane to lane is no scalar"
        return self._cached(index, lambda: self._divided(index))

    def _divided(self, index: Affine) -> Number:
        whole = self.f.floordiv(self.undivided(index), index.div)
        return self.f.floormod(whole, index.mod) if index.mod else whole

    def undivided(self, index: Affine) -> Number:
        """The sum of an index before division, leaving out the vector axis."""
        f, total = self.f, self.size(index.const)
        for name, coef in index.terms:
            if self.lanes is None or name != self.lanes.axis:
                total = f.add(total, f.mul(self.at[name], self.size(coef)))
        return total

    # ---- lanes

    def uses_lanes(self, index: Index) -> bool:
        """Whether an index differs from lane to lane."""
        if self.lanes is None:
            return False
        free = index.free if isinstance(index, Expr) else index.axes
        return self.lanes.axis in free

    def mask(self, group: int) -> str | None:
        """Which lanes of a group exist: None for all of them."""
        if self.lanes is None or self.lanes.left is None:
            return None
        left, first = self.lanes.left, group * self.width
        if isinstance(left, int):
            return None if left >= first + self.width else prefix_mask(self.width, left - first)
        limit = self.splat(I32, self.f.cast("trunc", I64, self.f.sub(left, first), I32))
        return self.f.relate("lt", self.vector(I32), iota(I32, self.width), limit)

    def prefix(self, count: Number) -> str | None:
        """The mask of the first lanes; None for all."""
        with self.bind({}, Lanes("", 0, 1, count)):
            return self.mask(0)

    def spread(self, index: Affine, group: int) -> LaneIndex:
        """The value of an index in each lane of a group."""
        assert self.lanes, "only the vector axis makes lanes differ"
        f, whole = self.f, self.vector(I32)
        step = self._small_step(index)
        if step is None:
            return self._spread_wide(index, group)
        start, offsets = self._start(index, step), self._steps(step, group)
        if isinstance(start, int):
            known = ((start + x) // index.div for x in offsets)
            known = [x % index.mod if index.mod else x for x in known]
            lowest = min(known)
            return LaneIndex(lowest, literal_lanes(I32, [x - lowest for x in known]), whole)
        base, inside = start, literal_lanes(I32, offsets)
        if index.div != 1:
            base = f.floordiv(start, index.div)
            inside = self._plus(f.sub(start, f.mul(base, index.div)), inside)
            inside = f.binary("udiv", whole, inside, literal(whole, index.div))
        if index.mod:
            inside = self._plus(f.floormod(base, index.mod), inside)
            inside, base = f.binary("urem", whole, inside, literal(whole, index.mod)), 0
        return LaneIndex(base, inside, whole)

    def divides(self, index: Affine, group: int) -> str:
        """In which lanes the division of an index leaves no rest."""
        f, step = self.f, self._small_step(index)
        if step is None:
            wide = self._spread_wide(replace(index, div=1, mod=0), group)
            rest = f.binary("srem", wide.type_, wide.offsets, literal(wide.type_, index.div))
            return f.relate("eq", wide.type_, rest, literal(wide.type_, 0))
        whole = self.vector(I32)
        rest = f.floormod(self._start(index, step), index.div)
        inside = self._plus(rest, literal_lanes(I32, self._steps(step, group)))
        rest_of = f.binary("urem", whole, inside, literal(whole, index.div))
        return f.relate("eq", whole, rest_of, literal(whole, 0))

    def _small_step(self, index: Affine) -> int | None:
        """The step from lane to lane, if lanes can be computed in 32 bits."""
        assert self.lanes, "only the vector axis makes lanes differ"
        step = index.coef(self.lanes.axis)
        if not isinstance(step, int):
            return None
        reach = abs(step) * self.width * self.lanes.groups + index.div + index.mod
        return step if reach < SMALL else None

    def _start(self, index: Affine, step: int) -> Number:
        """The least undivided index of all lanes here, so that offsets from it are not negative."""
        assert self.lanes, "only the vector axis makes lanes differ"
        f = self.f
        lowest = min(0, step * (self.width * self.lanes.groups - 1))
        first = f.add(self.undivided(index), f.mul(self.lanes.base, step))
        return f.add(first, lowest)

    def _steps(self, step: int, group: int) -> list[int]:
        assert self.lanes, "only the vector axis makes lanes differ"
        lowest = min(0, step * (self.width * self.lanes.groups - 1))
        return [step * (group * self.width + i) - lowest for i in range(self.width)]

    def _spread_wide(self, index: Affine, group: int) -> LaneIndex:
        assert self.lanes, "only the vector axis makes lanes differ"
        f, wide = self.f, self.vector(I64)
        coef = self.size(index.coef(self.lanes.axis))
        first = f.add(self.lanes.base, group * self.width)
        start = f.add(self.undivided(index), f.mul(first, coef))
        step = f.binary("mul", wide, iota(I64, self.width), self.number(I64, coef))
        value = f.binary("add", wide, step, self.number(I64, start))
        if index.div != 1:
            value = self._floor_divide(value, index.div)
        if index.mod:
            times = f.binary(
                "mul", wide, self._floor_divide(value, index.mod), literal(wide, index.mod)
            )
            value = f.binary("sub", wide, value, times)
        return LaneIndex(0, value, wide)

    def _floor_divide(self, value: str, by: int) -> str:
        f, wide = self.f, self.vector(I64)
        quotient = f.binary("sdiv", wide, value, literal(wide, by))
        rest = f.binary("srem", wide, value, literal(wide, by))
        below = f.relate("lt", wide, rest, literal(wide, 0))
        return f.binary("add", wide, quotient, f.cast("sext", like(wide, I1), below, wide))

    # ---- numbers as vectors

    def vector(self, element: str) -> str:
        """The vector type of all lanes."""
        return vector(element, self.width)

    def splat(self, element: str, scalar: Number) -> str:
        """All lanes equal to a scalar of the element's own type."""
        if isinstance(scalar, int):
            return literal(self.vector(element), scalar)
        return self.f.splat(self.vector(element), scalar)

    def number(self, element: str, value: Number) -> str:
        """An i64 in all lanes, cut to an integer type."""
        if isinstance(value, str) and element != I64:
            value = self.f.cast("trunc", I64, value, element)
        return self.splat(element, value)

    def _plus(self, scalar: Number, offsets: str) -> str:
        return self.f.binary("add", self.vector(I32), self.number(I32, scalar), offsets)

    def uniform_value(self, dtype: DType, value: Number) -> str:
        """An i64 as a value of a dtype, in all lanes."""
        f, element = self.f, value_type(dtype)
        if isinstance(value, int):
            number = bool(value) if dtype.kind == "b" else float(value) if dtype.is_float else value
            return literal(self.vector(element), number)
        if dtype.kind == "b":
            return self.splat(element, f.relate("ne", I64, value, 0))
        if dtype.is_float:
            return self.splat(element, f.cast("sitofp", I64, value, element))
        return self.number(element, value)

    def lane_value(self, dtype: DType, index: LaneIndex, fits: bool) -> str:
        """An index per lane as values of a dtype; `fits` says that it is below 2^31."""
        f = self.f
        narrow = not index.is_wide and (fits or (dtype.is_integer and dtype.bits <= 32))
        type_ = self.vector(I32 if narrow else I64)
        offsets = index.offsets
        if not narrow and not index.is_wide:
            offsets = f.cast("sext", index.type_, offsets, type_)
        base = self.number(I32 if narrow else I64, index.base)
        total = offsets if index.base == 0 else f.binary("add", type_, offsets, base)
        result = value_type(dtype, self.width)
        if dtype.kind == "b":
            return f.relate("ne", type_, total, literal(type_, 0))
        if dtype.is_float:
            return f.cast("sitofp", type_, total, result)
        if type_ == result:
            return total
        wider = value_type(dtype) == I64
        return f.cast("sext" if wider else "trunc", type_, total, result)

    def both(self, a: str | None, b: str | None) -> str | None:
        """Lanes where both masks hold; None is all lanes."""
        if a is None or b is None:
            return a or b
        return self.f.binary("and", self.vector(I1), a, b, "mask")

    def all_lanes(self) -> str:
        """The mask of all lanes."""
        return literal(self.vector(I1), True)

    def nonempty(self, axes: Iterable[str]) -> Condition:
        """Whether loops over these axes run at all."""
        condition: Condition = True
        for name in axes:
            a = self.axes[name]
            sizes = [a.size, *([a.part.total] if a.part else [])]
            for size in sizes:
                condition = self.f.both(condition, self.f.compare("gt", self.size(size), 0))
        return condition


def _depends(key: Affine | Size, axes: AbstractSet[str]) -> bool:
    return isinstance(key, Affine) and not key.axes.isdisjoint(axes)
