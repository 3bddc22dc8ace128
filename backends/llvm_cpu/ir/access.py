"""Elements of a dtype in memory as values in registers, and back: bool bytes, 16-bit floats.

Every function takes the builder first. `lanes` 0 is a scalar; masks are for vectors. What a masked
read finds switched off is `fill`, in the value type. The 16-bit floats round to nearest even,
bfloat16 by integer arithmetic, because the machine's own conversion flushes denormals.
"""

from __future__ import annotations

from graphc.dtypes import DType, bfloat16, bool_, float16

from . import half
from .text import Function
from .types import F16, F32, I32, Number, like, literal, memory_type, prefix_mask, value_type


def read(
    f: Function,
    dtype: DType,
    lanes: int,
    pointer: str,
    mask: str | None = None,
    fill: str | None = None,
) -> str:
    """Consecutive elements as values."""
    stored = memory_type(dtype, lanes)
    if mask is None:
        return widen(f, dtype, lanes, f.load(stored, pointer))
    other = _stored_fill(f, dtype, lanes, fill)
    return widen(f, dtype, lanes, f.masked_load(stored, pointer, mask, other))


def write(
    f: Function, dtype: DType, lanes: int, value: Number, pointer: str, mask: str | None = None
) -> None:
    """Values into consecutive elements."""
    stored, narrowed = memory_type(dtype, lanes), narrow(f, dtype, lanes, value)
    if mask is None:
        f.store(stored, narrowed, pointer)
    elif not f.target.has_masks and (count := _first_lanes(lanes, mask)) is not None:
        _write_pieces(f, dtype, lanes, str(narrowed), pointer, count)
    elif mask == prefix_mask(lanes, 1):
        # LLVM 22 makes a wider scalar store of a masked one that truncates and has one lane.
        f.store(memory_type(dtype), f.lane(stored, str(narrowed), 0), pointer)
    else:
        f.masked_store(stored, narrowed, pointer, mask)


def _first_lanes(lanes: int, mask: str) -> int | None:
    """How many of the first lanes a constant mask switches on; None if it is another one."""
    return next((n for n in range(lanes) if mask == prefix_mask(lanes, n)), None)


def _write_pieces(
    f: Function, dtype: DType, lanes: int, value: str, pointer: str, count: int
) -> None:
    """The first lanes as stores of 4, 2, 1 of them: the binary digits of their count."""
    first, piece = 0, lanes // 2
    while piece:
        if count & piece:
            order = range(first, first + piece)
            part = f.shuffle(memory_type(dtype, lanes), value, "poison", order)
            f.store(memory_type(dtype, piece), part, f.gep(memory_type(dtype), pointer, first))
            first += piece
        piece //= 2


def read_lanes(
    f: Function, dtype: DType, lanes: int, pointers: str, mask: str, fill: str | None = None
) -> str:
    """One element per lane, each from its own address (`Function.lane_pointers`)."""
    other = _stored_fill(f, dtype, lanes, fill)
    return widen(f, dtype, lanes, f.gather(memory_type(dtype, lanes), pointers, mask, other))


def write_lanes(
    f: Function, dtype: DType, lanes: int, value: str, pointers: str, mask: str
) -> None:
    """One element per lane, each to its own address."""
    f.scatter(memory_type(dtype, lanes), narrow(f, dtype, lanes, value), pointers, mask)


def widen(f: Function, dtype: DType, lanes: int, stored: str) -> str:
    """From the memory type to the value type."""
    memory, value = memory_type(dtype, lanes), value_type(dtype, lanes)
    if dtype is bool_:
        return f.relate("ne", memory, stored, literal(memory, 0))
    if dtype is float16:
        if half.is_missing(f):
            return half.widen(f, memory, stored)
        return f.cast("fpext", memory, stored, value)
    if dtype is bfloat16:
        bits = f.cast("zext", memory, stored, like(value, I32))
        bits = f.binary("shl", like(value, I32), bits, literal(like(value, I32), 16))
        return f.cast("bitcast", like(value, I32), bits, value)
    return stored


def narrow(f: Function, dtype: DType, lanes: int, value: Number) -> str:
    """From the value type to the memory type."""
    memory = memory_type(dtype, lanes)
    if dtype is bool_:
        return f.cast("zext", value_type(dtype, lanes), value, memory)
    if dtype is float16:
        if half.is_missing(f):
            return half.narrow(f, memory, str(value))
        return f.cast("fptrunc", like(memory, F32), value, like(memory, F16))
    if dtype is bfloat16:
        return f.cast("trunc", like(memory, I32), _bfloat_bits(f, lanes, value), memory)
    return str(value)


def _bfloat_bits(f: Function, lanes: int, value: Number) -> str:
    """The bits of the nearest bfloat16 in the low half of an i32; NaN stays NaN."""
    real = value_type(bfloat16, lanes)
    whole = like(real, I32)
    bits = f.cast("bitcast", real, value, whole)
    high = f.binary("lshr", whole, bits, literal(whole, 16))
    odd = f.binary("and", whole, high, literal(whole, 1))
    half = f.binary("add", whole, odd, literal(whole, 0x7FFF))
    rounded = f.binary("lshr", whole, f.binary("add", whole, bits, half), literal(whole, 16))
    quiet = f.binary("or", whole, high, literal(whole, 0x40))
    number = f.relate("eq", real, value, value)
    return f.blend(number, whole, rounded, quiet)


def _stored_fill(f: Function, dtype: DType, lanes: int, fill: str | None) -> str:
    if fill is None:
        return literal(memory_type(dtype, lanes), 0)
    return narrow(f, dtype, lanes, fill)
