"""Functions that generated kernels call; each is copied into the files that need it.

They are Triton's language, so this module is read as text and imported only with Triton there.
`libdevice` is NVIDIA's library of elementary functions; the interpreter has its own of that name.
"""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportMissingImports=false
# ruff: noqa: D103

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice

# ---------------------------------------------------------------------------- real numbers


@triton.jit
def maximum(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def minimum(a, b):
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def sign(a):
    return tl.where(a > 0, (a * 0 + 1).to(a.dtype), tl.where(a < 0, (a * 0 - 1).to(a.dtype), a))


@triton.jit
def sigmoid(x):
    small = libdevice.exp(-tl.abs(x))
    return libdevice.div_rn(tl.where(x >= 0, 1.0, small), 1.0 + small)


@triton.jit
def rsqrt(x):
    return libdevice.div_rn(tl.full((), 1.0, x.dtype), libdevice.sqrt_rn(x))


@triton.jit
def floor_divide(a, b):
    # From the remainder, so that the quotient is exact where it can be.
    rest = libdevice.fmod(a, b)
    down = (rest != 0) & ((rest < 0) != (b < 0))
    quotient = libdevice.div_rn(a - rest, b)
    quotient = tl.where(down, quotient - 1.0, quotient)
    whole = libdevice.floor(quotient)
    whole = tl.where(quotient - whole > 0.5, whole + 1.0, whole)
    simple = libdevice.div_rn(a, b)
    whole = tl.where(quotient == 0, libdevice.copysign(simple * 0, simple), whole)
    return tl.where(b == 0, simple, whole)


@triton.jit
def remainder(a, b):
    rest = libdevice.fmod(a, b)
    moved = tl.where((rest < 0) != (b < 0), rest + b, rest)
    return tl.where(rest == 0, libdevice.copysign(rest, b), moved)


@triton.jit
def round_bfloat16(x):
    # To nearest, ties to even, on the bits; a NaN stays one.
    bits = x.to(tl.uint32, bitcast=True)
    near = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return tl.where(x != x, x, near.to(tl.float32, bitcast=True))


@triton.jit
def round_float16(x):
    return x.to(tl.float16).to(tl.float32)


@triton.jit
def to_integer(x, least: tl.constexpr, most: tl.constexpr, above: tl.constexpr, kind: tl.constexpr):
    # The fraction is dropped; out of range the nearest end, NaN becomes 0. above = most + 1 is a
    # power of two, so it is exact in every float.
    inside = (x >= least) & (x < above)
    whole = tl.where(inside, x, 0.0).to(kind)
    whole = tl.where(x >= above, tl.full((), most, kind), whole)
    return tl.where(x < least, tl.full((), least, kind), whole)


# ---------------------------------------------------------------------------- integers


@triton.jit
def floor_divide_signed(a, b):
    minus = (0 - a).to(a.dtype)
    safe = tl.where((b == 0) | (b == -1), (b * 0 + 1).to(b.dtype), b)
    quotient = a // safe
    rest = a - quotient * safe
    down = (rest != 0) & ((rest < 0) != (safe < 0))
    quotient = tl.where(down, quotient - 1, quotient).to(a.dtype)
    quotient = tl.where(b == -1, minus, quotient)
    return tl.where(b == 0, (a * 0).to(a.dtype), quotient)


@triton.jit
def remainder_signed(a, b):
    safe = tl.where((b == 0) | (b == -1), (b * 0 + 1).to(b.dtype), b)
    rest = a - (a // safe) * safe
    moved = tl.where((rest != 0) & ((rest < 0) != (safe < 0)), rest + safe, rest)
    return moved.to(a.dtype)


@triton.jit
def floor_divide_unsigned(a, b):
    safe = tl.where(b == 0, (b * 0 + 1).to(b.dtype), b)
    return tl.where(b == 0, (a * 0).to(a.dtype), (a // safe).to(a.dtype))


@triton.jit
def remainder_unsigned(a, b):
    safe = tl.where(b == 0, (b * 0 + 1).to(b.dtype), b)
    return tl.where(b == 0, (a * 0).to(a.dtype), (a % safe).to(a.dtype))


@triton.jit
def any_bit(a, kind: tl.constexpr):
    return (a != 0).to(kind)


@triton.jit
def power(a, b, bits: tl.constexpr, is_signed: tl.constexpr):
    # By squaring, modulo 2^bits; a negative power is 0 unless the base is 1 or -1.
    result = (a * 0 + b * 0 + 1).to(a.dtype)
    base = (a + b * 0).to(a.dtype)
    for i in tl.static_range(bits):
        odd = ((b >> i) & 1) != 0
        result = tl.where(odd, result * base, result).to(a.dtype)
        base = (base * base).to(a.dtype)
    if is_signed:
        unit = (a == 1) | (a == -1)
        result = tl.where((b < 0) & (unit == 0), (result * 0).to(a.dtype), result)
    return result


@triton.jit
def shift_left(a, b, bits: tl.constexpr):
    inside = (b >= 0) & (b < bits)
    amount = tl.where(inside, b, (b * 0).to(b.dtype))
    return tl.where(inside, (a << amount).to(a.dtype), (a * 0).to(a.dtype))


@triton.jit
def shift_right(a, b, bits: tl.constexpr):
    inside = (b >= 0) & (b < bits)
    amount = tl.where(inside, b, (b * 0 + (bits - 1)).to(b.dtype))
    return (a >> amount).to(a.dtype)


@triton.jit
def shift_right_unsigned(a, b, bits: tl.constexpr):
    inside = b < bits
    amount = tl.where(inside, b, (b * 0).to(b.dtype))
    return tl.where(inside, (a >> amount).to(a.dtype), (a * 0).to(a.dtype))


@triton.jit
def floor_quotient(a, b: tl.constexpr):
    # floor(a / b) for an index a that may be negative.
    quotient = a // b
    return quotient - ((a - quotient * b) < 0).to(quotient.dtype)


@triton.jit
def floor_rest(a, b: tl.constexpr):
    rest = a % b
    return tl.where(rest < 0, rest + b, rest)


# ---------------------------------------------------------------------------- random bits


@triton.jit
def threefry_round(x, y, bits: tl.constexpr):
    x = x + y
    y = ((y << bits) | (y >> (32 - bits))) ^ x
    return x, y


@triton.jit
def random_bits(key0, key1, low, high):
    # Threefry-2x32, 20 rounds (Salmon et al. 2011): the first word of the block (low, high).
    key2 = key0 ^ key1 ^ tl.full((), 0x1BD11BDA, tl.uint32)
    x = low + key0
    y = high + key1
    for block in tl.static_range(5):
        if block % 2 == 0:
            x, y = threefry_round(x, y, 13)
            x, y = threefry_round(x, y, 15)
            x, y = threefry_round(x, y, 26)
            x, y = threefry_round(x, y, 6)
        else:
            x, y = threefry_round(x, y, 17)
            x, y = threefry_round(x, y, 29)
            x, y = threefry_round(x, y, 16)
            x, y = threefry_round(x, y, 24)
        if block % 3 == 0:
            x, y = x + key1, y + key2
        elif block % 3 == 1:
            x, y = x + key2, y + key0
        else:
            x, y = x + key0, y + key1
        y = y + tl.full((), block + 1, tl.uint32)
    return x


# ---------------------------------------------------------------------------- reductions of a tile


@triton.jit
def product(a, b):
    return a * b


@triton.jit
def either(a, b):
    return a | b


@triton.jit
def both(a, b):
    return a & b


@triton.jit
def add(a, b):
    return a + b


# ---------------------------------------------------------------------------- keys of a sort


@triton.jit
def real_key(x, kind: tl.constexpr):
    # The bits of a float in the order of integers: both zeros are 0, a NaN is the greatest.
    bits = (x + 0.0).to(kind, bitcast=True)
    most: tl.constexpr = 0x7FFFFFFF if kind == tl.int32 else 0x7FFFFFFFFFFFFFFF
    turned = tl.where(bits < 0, bits ^ most, bits)
    return tl.where(x != x, tl.full((), most, kind), turned)


@triton.jit
def natural_key(x, kind: tl.constexpr):
    # Without a sign: the highest bit turned where all bits are needed.
    if x.dtype.primitive_bitwidth == kind.primitive_bitwidth:
        least: tl.constexpr = -0x80000000 if kind == tl.int32 else -0x8000000000000000
        return x.to(kind, bitcast=True) ^ tl.full((), least, kind)
    else:
        return x.to(kind)
