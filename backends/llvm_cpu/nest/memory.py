"""Elements at an index of a kernel, at one place in the loops: vectors, gathers, guards, scatters.

How one element of a dtype is turned into a value is `ir/access.py`; index arithmetic is `place.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from graphc.backends.llvm_cpu.ir import access, scalar
from graphc.backends.llvm_cpu.ir.types import (
    I1,
    I32,
    I64,
    POINTER,
    Number,
    constant,
    element_of,
    iota,
    literal_lanes,
    memory_type,
    value_type,
)
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.dtypes import DType, bfloat16
from graphc.ir.dim import Size, product, strides_of
from graphc.kernels.build import compute_dtype
from graphc.kernels.dense import address_coef, bounds, owned_axes
from graphc.kernels.kernel import Affine, Buffer, Expr, Index, Load, Store

from .place import SMALL, LaneIndex, Place
from .stream import pieces_of

Values = Callable[[Expr], list[str]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where lane 0 of group 0 is, and how many elements further each lane is.

    The step is None where lanes are at no fixed distance: `pointer` leaves their share out.
    """

    pointer: str
    step: Size | None


class Memory:
    """Loads and stores at a place; `value` gives the values of computed indices."""

    def __init__(self, place: Place, value: Values) -> None:
        self.place, self.value, self.f = place, value, place.f
        self.exists: Condition = True
        """Whether what is read now will be needed: a value hoisted out of a loop that may be empty
        must not touch memory."""
        self.streaming = False
        """Whether whole aligned vectors are stored past the caches."""
        self._fills: dict[tuple[DType, str], str] = {}

    # ---- loads

    def load(self, e: Load) -> list[str]:
        """The values of a load: one vector per group, or one where all lanes read the same."""
        place = self.place
        inside = self._inside(e)
        if inside is False:
            return [constant(compute_dtype(e.buffer.dtype), e.fill, place.width)]
        if place.lanes is None or not any(map(place.uses_lanes, e.index)):
            return [self._broadcast(e, inside)]
        where = self.address(e.buffer, e.index)
        if where.step in (1, -1):
            groups = range(place.lanes.groups)
            return [self._dense(e, where, g, inside) for g in groups]
        return [self._gather(e, where, g, inside) for g in range(place.lanes.groups)]

    def _broadcast(self, e: Load, inside: Condition) -> str:
        f, dtype = self.f, e.buffer.dtype
        pointer = self._or_fill(e, self.address(e.buffer, e.index).pointer, inside)
        value = access.read(f, dtype, 0, pointer)
        return self.place.splat(value_type(dtype), value)

    def _dense(self, e: Load, where: Address, group: int, inside: Condition) -> str:
        f, width, dtype = self.f, self.place.width, e.buffer.dtype
        mask, first = self._guard(e, group), group * width
        if where.step == 1:
            at = self._or_fill(e, f.gep(memory_type(dtype), where.pointer, first), inside)
            return access.read(f, dtype, width, at, mask, self._fill(e))
        last = f.gep(memory_type(dtype), where.pointer, -(first + width - 1))
        turned = mask and self._turned(I1, mask)
        value = access.read(f, dtype, width, self._or_fill(e, last, inside), turned, self._fill(e))
        return self._turned(value_type(dtype), value)

    def _turned(self, element: str, value: str) -> str:
        """The lanes in opposite order."""
        order = range(self.place.width - 1, -1, -1)
        return self.f.shuffle(self.place.vector(element), value, "poison", order)

    def _gather(self, e: Load, where: Address, group: int, inside: Condition) -> str:
        place = self.place
        mask = self._guard(e, group)
        if isinstance(inside, str):
            mask = place.both(mask, place.splat(I1, inside))
        pointers = self._pointers(e.buffer, e.index, where, group)
        mask = mask or place.all_lanes()
        return access.read_lanes(self.f, e.buffer.dtype, place.width, pointers, mask, self._fill(e))

    def _fill(self, e: Load) -> str | None:
        if e.fill == 0:
            return None
        return constant(compute_dtype(e.buffer.dtype), e.fill, self.place.width)

    def _or_fill(self, e: Load, pointer: str, inside: Condition) -> str:
        """The pointer, or that of a constant vector of fills."""
        if isinstance(inside, bool):
            return pointer
        key = e.buffer.dtype, repr(e.fill)
        if key not in self._fills:
            self._fills[key] = self._fill_table(e.buffer.dtype, e.fill)
        table = self._fills[key]
        return str(self.f.select(inside, POINTER, pointer, table))

    def _fill_table(self, dtype: DType, fill: float) -> str:
        values = [stored_number(dtype, fill)] * self.place.width
        key = np.asarray(fill, dtype.numpy).tobytes().hex()
        return self.f.module.table(f"fill_{dtype}_{key}", memory_type(dtype), values)

    # ---- guards

    def _inside(self, e: Load) -> Condition:
        """Whether the guarded dimensions that are the same in all lanes hold."""
        place, f = self.place, self.f
        condition = self.exists
        for d in e.checked:
            i, limit = e.index[d], e.buffer.shape[d]
            if place.uses_lanes(i) or self._never_outside(i, limit):
                continue
            condition = f.both(condition, self._below(self.scalar(i), place.size(limit)))
        for d in e.exact:
            i = e.index[d]
            if isinstance(i, Affine) and not place.uses_lanes(i) and i.div != 1:
                rest = f.floormod(place.undivided(i), i.div)
                condition = f.both(condition, f.compare("eq", rest, 0))
        return condition

    def _below(self, here: Number, limit: Number) -> Condition:
        if isinstance(here, int) and isinstance(limit, int):
            return 0 <= here < limit
        return self.f.relate("lt", I64, here, limit, unsigned=True)

    def _never_outside(self, i: Index, limit: Size) -> bool:
        place = self.place
        known = bounds(i, place.axes, place.ranges) if isinstance(i, Affine) else None
        if known is None or not isinstance(limit, int) or not isinstance(i, Affine):
            return False
        low, high = known[0] // i.div, known[1] // i.div
        if i.mod and not 0 <= low <= high < i.mod:
            low, high = 0, i.mod - 1
        return low >= 0 and high < limit

    def _guard(self, e: Load, group: int) -> str | None:
        """Which lanes of a group exist and are inside their guarded dimensions."""
        place = self.place
        mask = place.mask(group)
        for d in e.checked:
            i, limit = e.index[d], e.buffer.shape[d]
            if not place.uses_lanes(i) or self._never_outside(i, limit):
                continue
            if isinstance(i, Affine):
                mask = place.both(mask, self._lanes_below(i, limit, group))
            else:
                mask = place.both(mask, self._values_below(i, limit, group))
        for d in e.exact:
            i = e.index[d]
            if isinstance(i, Affine) and place.uses_lanes(i) and i.div != 1:
                mask = place.both(mask, place.divides(i, group))
        return mask

    def _lanes_below(self, i: Affine, limit: Size, group: int) -> str:
        """0 <= index < limit per lane, in 32 bits wherever possible."""
        f, place = self.f, self.place
        here, top = place.spread(i, group), place.size(limit)
        if here.is_wide:
            return f.relate("lt", here.type_, here.offsets, place.number(I64, top), unsigned=True)
        known, type_ = bounds(i, place.axes), here.type_
        if known and -SMALL < known[0] <= known[1] < SMALL and isinstance(top, int):
            total = f.binary("add", type_, here.offsets, place.number(I32, here.base))
            limit_lanes = place.number(I32, min(top, SMALL))
            return f.relate("lt", type_, total, limit_lanes, unsigned=True)
        least, past = self._clamp(f.sub(0, here.base)), self._clamp(f.sub(top, here.base))
        above = f.relate("ge", type_, here.offsets, place.number(I32, least))
        below = f.relate("lt", type_, here.offsets, place.number(I32, past))
        return f.binary("and", place.vector(I1), above, below)

    def _clamp(self, value: Number) -> Number:
        return self.f.max(-SMALL, self.f.min(2 * SMALL - 1, value))

    def _values_below(self, i: Expr, limit: Size, group: int) -> str:
        f, place = self.f, self.place
        narrow = i.dtype.bits <= 32 and isinstance(limit, int) and limit < SMALL
        element = I32 if narrow else I64
        values = self._integers(i, group, element)
        top = place.number(element, place.size(limit))
        return f.relate("lt", place.vector(element), values, top, unsigned=True)

    # ---- addresses

    def scalar(self, i: Index) -> Number:
        """An index that is the same in all lanes."""
        if isinstance(i, Affine):
            return self.place.affine(i)
        type_ = value_type(i.dtype, self.place.width)
        one = self.f.lane(type_, self.value(i)[0], 0)
        if i.dtype.bits == 64:
            return one
        return self.f.cast("sext" if i.dtype.kind == "i" else "zext", element_of(type_), one, I64)

    def address(self, buffer: Buffer, index: tuple[Index, ...]) -> Address:
        """The address of lane 0 and the step between lanes."""
        f, place = self.f, self.place
        axis = place.lanes.axis if place.lanes else ""
        step = address_coef(buffer, index, axis)
        flat: Number = 0
        for i, stride in zip(index, strides_of(buffer.shape), strict=True):
            if not place.uses_lanes(i):
                here = self.scalar(i)
            elif isinstance(i, Affine) and step is not None:
                here = place.undivided(i)
            else:
                continue
            flat = f.add(flat, f.mul(here, place.size(stride)))
        if step is not None and step != 0 and place.lanes:
            flat = f.add(flat, f.mul(place.lanes.base, place.size(step)))
        return Address(f.gep(memory_type(buffer.dtype), self._base(buffer), flat), step)

    def _base(self, buffer: Buffer) -> str:
        return self.place.pointers[buffer.name]

    def _pointers(
        self, buffer: Buffer, index: tuple[Index, ...], where: Address, group: int
    ) -> str:
        """The address of each lane."""
        f, place = self.f, self.place
        pointer, type_, offsets = where.pointer, place.vector(I32), ""
        if where.step is None:
            here = self._offsets(buffer, index, group)
            pointer = f.gep(memory_type(buffer.dtype), pointer, here.base)
            type_, offsets = here.type_, here.offsets
        elif isinstance(where.step, int) and abs(where.step) * (group + 1) * place.width < SMALL:
            lanes = range(group * place.width, (group + 1) * place.width)
            offsets = literal_lanes(I32, [where.step * i for i in lanes])
        else:
            type_, step = place.vector(I64), place.size(where.step)
            first = f.gep(memory_type(buffer.dtype), pointer, f.mul(step, group * place.width))
            pointer = first
            lanes_of_group = iota(I64, place.width)
            offsets = f.binary("mul", type_, lanes_of_group, place.number(I64, step))
        return f.lane_pointers(memory_type(buffer.dtype), pointer, type_, offsets)

    def _offsets(self, buffer: Buffer, index: tuple[Index, ...], group: int) -> LaneIndex:
        """The lanes' share of the flat index."""
        f, place = self.f, self.place
        moving = [
            (i, d, stride)
            for i, d, stride in zip(index, buffer.shape, strides_of(buffer.shape), strict=True)
            if place.uses_lanes(i)
        ]
        reach = sum((product((d, stride)) for _, d, stride in moving), start=0)
        element = I32 if isinstance(reach, int) and reach < SMALL else I64
        type_, base = place.vector(element), 0
        total = ""
        for i, _, stride in moving:
            if isinstance(i, Affine):
                spread = place.spread(i, group)
                base = f.add(base, f.mul(spread.base, place.size(stride)))
                here = self._resized(spread.type_, spread.offsets, element)
            else:
                here = self._integers(i, group, element)
            if stride != 1:
                here = f.binary("mul", type_, here, place.number(element, place.size(stride)))
            total = f.binary("add", type_, total, here) if total else here
        return LaneIndex(base, total, type_)

    def _resized(self, type_: str, value: str, element: str) -> str:
        old = element_of(type_)
        if old == element:
            return value
        wider = element == I64
        return self.f.cast("sext" if wider else "trunc", type_, value, self.place.vector(element))

    def _integers(self, i: Expr, group: int, element: str) -> str:
        """The values of a computed index as i32 or i64."""
        values = self.value(i)
        type_ = value_type(i.dtype, self.place.width)
        bits = 32 if element == I32 else 64
        value = values[group % len(values)]
        if i.dtype.bits == bits:
            return value
        grown = "sext" if i.dtype.kind == "i" else "zext"
        how = "trunc" if i.dtype.bits > bits else grown
        return self.f.cast(how, type_, value, self.place.vector(element))

    # ---- stores

    def write(self, s: Store, values: Sequence[str]) -> None:
        """Store values (one vector per group, or one for all) at the index of a store."""
        place = self.place
        if s.value.dtype is not compute_dtype(s.buffer.dtype):
            old, new = s.value.dtype, compute_dtype(s.buffer.dtype)
            values = [scalar.cast(self.f, old, new, place.width, v) for v in values]
        lanes = place.lanes if place.lanes and place.lanes.axis in s.axes else None
        if lanes is None:
            return self._write_one(s, values[0], self.address(s.buffer, s.index).pointer)
        apart = address_coef(s.buffer, s.index, lanes.axis) not in (0, None)
        apart = apart or lanes.axis in owned_axes(s)
        if s.combine and not apart:
            for g in range(lanes.groups):
                self._write_in_order(s, values[g % len(values)], g)
            return None
        where = self.address(s.buffer, s.index)
        for g in range(lanes.groups):
            self._write_vector(s, values[g % len(values)], where, g)
        return None

    def _write_one(self, s: Store, value: str, pointer: str) -> None:
        f, dtype = self.f, s.buffer.dtype
        one = f.lane(value_type(dtype, self.place.width), value, 0)
        self._put(s, one, pointer)

    def _put(self, s: Store, one: str, pointer: str) -> None:
        """Store or combine one scalar."""
        f, dtype = self.f, s.buffer.dtype
        if s.combine and s.combine != "set":
            old = access.read(f, dtype, 0, pointer)
            one = scalar.combine(f, s.combine, compute_dtype(dtype), 0, old, one)
        access.write(f, dtype, 0, one, pointer)

    def _write_vector(self, s: Store, value: str, where: Address, group: int) -> None:
        f, place, dtype = self.f, self.place, s.buffer.dtype
        mask, width = place.mask(group), place.width
        combine = s.combine if s.combine != "set" else None
        compute = compute_dtype(dtype)
        if where.step == 1:
            at = f.gep(memory_type(dtype), where.pointer, group * width)
            if combine:
                old = access.read(f, dtype, width, at, mask)
                value = scalar.combine(f, combine, compute, width, old, value)
            if self.streaming and mask is None:
                stored = access.narrow(f, dtype, width, value)
                return f.store(memory_type(dtype, width), stored, at, pieces_of(s, width), True)
            return access.write(f, dtype, width, value, at, mask)
        pointers = self._pointers(s.buffer, s.index, where, group)
        mask = mask or place.all_lanes()
        if combine:
            old = access.read_lanes(f, dtype, width, pointers, mask)
            value = scalar.combine(f, combine, compute, width, old, value)
        return access.write_lanes(f, dtype, width, value, pointers, mask)

    def _write_in_order(self, s: Store, value: str, group: int) -> None:
        """Lanes may meet in one element: one after the other."""
        f, place, dtype = self.f, self.place, s.buffer.dtype
        assert place.lanes, "lanes meet only where there are lanes"
        where = self.address(s.buffer, s.index)
        pointer, offsets = where.pointer, None
        if where.step is None:
            offsets = self._offsets(s.buffer, s.index, group)
            pointer = f.gep(memory_type(dtype), pointer, offsets.base)
        count: Number = place.width
        if place.lanes.left is not None:
            left = f.sub(place.lanes.left, group * place.width)
            count = f.max(0, f.min(place.width, left))

        def one(lane: Number, _: list[str]) -> None:
            at = pointer
            if offsets:
                offset = f.lane(offsets.type_, offsets.offsets, lane)
                if not offsets.is_wide:
                    offset = f.cast("sext", I32, offset, I64)
                at = f.gep(memory_type(dtype), pointer, offset)
            self._put(s, f.lane(value_type(dtype, place.width), value, lane), at)

        f.loop(0, count, 1, one, hint="lane")


def stored_number(dtype: DType, value: float) -> float:
    """A number as the constant that memory of a dtype holds."""
    if dtype is bfloat16:
        return int(np.asarray(value, ml_dtypes.bfloat16).view(np.uint16))
    return int(value) if not dtype.is_float else float(value)
