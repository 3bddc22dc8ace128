"""Sorting rows: stable merge sort of integers that hold key and index together.

The key of an element is an unsigned integer that orders like the element (-0 like 0, NaN above
all, everything inverted when descending). With the index in the low 32 bits no two are equal, so
any correct sort is stable, and one code serves all dtypes: i64, or i128 for 64-bit elements.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import I8, I32, I64, POINTER, Number, memory_type
from graphc.dtypes import DType, bool_
from graphc.ir.dim import Size
from graphc.schedule.plan import SortStep

from .ordered import open_plain

ROOMS = 16
"""Rows that are sorted at the same time: there is scratch memory for each of them."""

# fmt: off
#             sign and exponent bits of a float: what is above them is NaN
_INFINITY = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF << 52}
# fmt: on


def sort_name(step: SortStep) -> str:
    """What distinguishes the code of such steps, as the name of the function."""
    return f"sort_{step.x.dtype}" + "_descending" * step.descending


def packed_bytes(dtype: DType) -> int:
    """Bytes of a key and an index together."""
    return 16 if dtype.bits == 64 else 8


def scratch_bytes(dtype: DType, rows: Size, length: Size) -> Size:
    """Two buffers with a place to spare for each chunk."""
    chunks = min(rows, ROOMS) if isinstance(rows, int) else ROOMS
    return (length + 1) * (2 * packed_bytes(dtype) * chunks)


def emit_sort(module: Module, step: SortStep) -> None:
    """`name(x, values, indices, scratch; rows, length, inner)`: an item is a row."""
    opened = open_plain(module, sort_name(step), 4, 3)
    f, (rows, length, inner) = opened.f, opened.numbers
    x, values, indices, scratch = opened.pointers
    packed = _Packed(f, step.x.dtype, step.descending)
    element = memory_type(step.x.dtype)
    half = f.mul(f.add(length, 1), packed_bytes(step.x.dtype))
    # Chunks that run at the same time are neighbours, no more than there is room for.
    room = f.rem(opened.chunk, ROOMS)
    mine = f.gep(I8, scratch, f.mul(room, f.mul(half, 2)))
    other = f.gep(I8, mine, half)

    def row(r: Number, _: list[str]) -> None:
        start = f.add(f.mul(f.div(r, inner), f.mul(length, inner)), f.rem(r, inner))

        def place(i: Number) -> Number:
            return f.add(start, f.mul(i, inner))

        def pack(i: Number, _: list[str]) -> None:
            value = f.load(element, f.gep(element, x, place(i)))
            packed.write(mine, i, packed.of(value, i))

        def unpack(i: Number, _: list[str]) -> None:
            index = packed.index(packed.read(done, i))
            value = f.load(element, f.gep(element, x, place(index)))
            f.store(element, value, f.gep(element, values, place(i)))
            f.store(I32, f.cast("trunc", I64, index, I32), f.gep(I32, indices, place(i)))

        f.loop(0, length, 1, pack)
        done = packed.sort(mine, other, length)
        f.loop(0, length, 1, unpack)

    low, high = opened.share(rows)
    f.loop(low, high, 1, row, hint="row")
    f.give_back()


@dataclass(frozen=True, slots=True)
class _Packed:
    """Integers of a key above an index."""

    f: Function
    dtype: DType
    descending: bool

    @property
    def type_(self) -> str:
        return "i128" if self.dtype.bits == 64 else I64

    def of(self, value: str, index: Number) -> str:
        """The key of an element (as memory holds it) with its index."""
        f, type_ = self.f, self.type_
        key = self._ordered(value)
        if self.descending:
            key = f.binary("xor", self._bits, key, -1)
        high = f.binary("shl", type_, f.cast("zext", self._bits, key, type_), 32)
        low = str(index) if type_ == I64 else f.cast("zext", I64, index, type_)
        return f.binary("or", type_, high, low)

    def index(self, packed: str) -> str:
        """The index in the low half."""
        low = packed if self.type_ == I64 else self.f.cast("trunc", self.type_, packed, I64)
        return self.f.binary("and", I64, low, (1 << 32) - 1)

    def read(self, buffer: str, i: Number) -> str:
        """Number i of a buffer."""
        return self.f.emit(f"load {self.type_}, ptr {self._at(buffer, i)}, align 8", "packed")

    def write(self, buffer: str, i: Number, packed: str) -> None:
        """Set number i of a buffer."""
        self.f.do(f"store {self.type_} {packed}, ptr {self._at(buffer, i)}, align 8")

    def _at(self, buffer: str, i: Number) -> str:
        return self.f.gep(I8, buffer, self.f.mul(i, packed_bytes(self.dtype)))

    @property
    def _bits(self) -> str:
        return f"i{self.dtype.bits}"

    def _ordered(self, value: str) -> str:
        """An unsigned integer of the element's width that orders like the element."""
        f, type_, bits = self.f, self._bits, self.dtype.bits
        if self.dtype.kind == "u" or self.dtype is bool_:
            return value
        sign = -(1 << bits - 1)
        if self.dtype.kind == "i":
            return f.binary("xor", type_, value, sign)
        memory = memory_type(self.dtype)
        raw = value if memory == type_ else f.cast("bitcast", memory, value, type_)
        size = f.binary("and", type_, raw, (1 << bits - 1) - 1)
        zero = f.relate("eq", type_, size, 0)
        raw = str(f.select(zero, type_, 0, raw))
        flip = f.binary("or", type_, f.binary("ashr", type_, raw, bits - 1), sign)
        key = f.binary("xor", type_, raw, flip)
        is_nan = f.relate("gt", type_, size, _INFINITY[self.dtype.name])
        return str(f.select(is_nan, type_, -1, key))

    # ---- merging

    def sort(self, mine: str, other: str, length: Number) -> str:
        """Sort the first buffer with the help of the second; where the result is."""
        f = self.f
        spare = f.call(I64, "llvm.ctlz.i64", [(I64, f.sub(length, 1)), ("i1", "false")])
        passes = f.select(f.relate("gt", I64, length, 1), I64, f.sub(64, spare), 0)

        def merge_all(p: Number, buffers: list[str]) -> list[str]:
            source, target = buffers
            width = f.binary("shl", I64, 1, p)

            def pair(low: Number, _: list[str]) -> None:
                middle = f.min(f.add(low, width), length)
                high = f.min(f.add(middle, width), length)
                self._merge(source, target, low, middle, high)

            f.loop(0, length, f.mul(width, 2), pair, hint="pair")
            return [target, source]

        carried = [(POINTER, mine), (POINTER, other)]
        return f.loop(0, passes, 1, merge_all, carried, hint="pass")[0]

    def _merge(self, source: str, target: str, low: Number, middle: Number, high: Number) -> None:
        """Two sorted runs as one, without a branch that could be mispredicted."""
        f = self.f

        def one(k: Number, places: list[str]) -> list[str]:
            i, j = places
            a, b = self.read(source, i), self.read(source, j)
            smaller = f.relate("lt", self.type_, b, a, unsigned=True)
            left_done, right_left = f.relate("eq", I64, i, middle), f.relate("ne", I64, j, high)
            second = f.binary("or", "i1", left_done, f.binary("and", "i1", right_left, smaller))
            chosen = f.emit(f"select i1 {second}, {self.type_} {b}, {self.type_} {a}", "next")
            self.write(target, k, chosen)
            moved = f.cast("zext", "i1", second, I64)
            return [str(f.sub(f.add(i, 1), moved)), str(f.add(j, moved))]

        f.loop(low, high, 1, one, [(I64, low), (I64, middle)], hint="k")
