"""Element types, their promotion table, and the weak types of Python's own numbers.

Promotion of two dtypes is a join in the lattice below (`promote`); a Python number is weak: it
takes the dtype of the tensor it meets when that can hold its kind, else its own kind's default.

    bool -> uint8 -> uint16 -> uint32 -> uint64 ─┐
       └──> int8 --> int16 --> int32 --> int64 ──┴─> float16  ─┐
            (uintN with a signed type: the next wider signed)  ├─> float32 -> float64
                                                    bfloat16 ──┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import ml_dtypes
import numpy as np

from graphc.errors import DTypeError

Kind = Literal["b", "u", "i", "f"]


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """The type of one element; compared by identity, there is one object per name."""

    name: str
    kind: Kind
    bits: int
    numpy: np.dtype

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[object, ...]:
        return as_dtype, (self.name,)

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return self.numpy.itemsize

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether the elements are signed or unsigned integers (bool is not)."""
        return self.kind in "iu"


# fmt: off
bool_    = DType("bool",     "b", 8,  np.dtype(np.bool_))
uint8    = DType("uint8",    "u", 8,  np.dtype(np.uint8))
uint16   = DType("uint16",   "u", 16, np.dtype(np.uint16))
uint32   = DType("uint32",   "u", 32, np.dtype(np.uint32))
uint64   = DType("uint64",   "u", 64, np.dtype(np.uint64))
int8     = DType("int8",     "i", 8,  np.dtype(np.int8))
int16    = DType("int16",    "i", 16, np.dtype(np.int16))
int32    = DType("int32",    "i", 32, np.dtype(np.int32))
int64    = DType("int64",    "i", 64, np.dtype(np.int64))
float16  = DType("float16",  "f", 16, np.dtype(np.float16))
bfloat16 = DType("bfloat16", "f", 16, np.dtype(ml_dtypes.bfloat16))
float32  = DType("float32",  "f", 32, np.dtype(np.float32))
float64  = DType("float64",  "f", 64, np.dtype(np.float64))
# fmt: on

ALL = (bool_, uint8, uint16, uint32, uint64, int8, int16, int32, int64)
ALL += (float16, bfloat16, float32, float64)
FLOATS = (float16, bfloat16, float32, float64)
INTEGERS = tuple(d for d in ALL if d.is_integer)

BY_NAME = {d.name: d for d in ALL}
_BY_NUMPY = {d.numpy: d for d in ALL}
_SIGNED = {8: int8, 16: int16, 32: int32, 64: int64}
_DEFAULT: dict[type, DType] = {bool: bool_, int: int32, float: float32}

Number = bool | int | float
DTypeLike = DType | str | type | np.dtype


def as_dtype(value: DTypeLike) -> DType:
    """The dtype meant by a name, a NumPy dtype, a NumPy scalar class or Python's bool, int, float.

    >>> as_dtype("float32"), as_dtype(np.int64), as_dtype(float)
    (float32, int64, float32)
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, type) and value in _DEFAULT:
        return _DEFAULT[value]
    if isinstance(value, str) and value in BY_NAME:
        return BY_NAME[value]
    try:
        if value is None:
            raise TypeError  # NumPy takes it for float64
        return _BY_NUMPY[np.dtype(value).newbyteorder("=")]
    except (TypeError, KeyError):
        raise DTypeError(
            "not a dtype of numbers",
            received=repr(value),
            expected=", ".join(BY_NAME),
        ) from None


def of_number(value: Number) -> DType:
    """The default dtype of a Python number: bool, int32 (int64 where it must), float32."""
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**31) <= value < 2**31:
        return int64 if -(2**63) <= value < 2**63 else uint64
    return _DEFAULT[type(value)] if type(value) in _DEFAULT else _DEFAULT[float]


def promote(*dtypes: DType) -> DType:
    """The smallest dtype in the lattice that both inputs can become.

    >>> promote(int8, uint8), promote(int32, float16), promote(float16, bfloat16)
    (int16, float16, float32)
    """
    result = dtypes[0]
    for other in dtypes[1:]:
        result = _join(result, other)
    return result


def promote_number(dtype: DType, value: Number) -> DType:
    """The dtype of `tensor op number`: the tensor's own if it can hold the number's kind.

    >>> promote_number(int8, 2), promote_number(bfloat16, 0.5), promote_number(int8, 0.5)
    (int8, bfloat16, float32)
    """
    kind = of_number(value)
    if kind is bool_ or dtype.is_float:
        return dtype
    if kind.is_float:
        return float32
    return dtype if dtype.is_integer else kind


def _join(a: DType, b: DType) -> DType:
    if a is b or b is bool_:
        return a
    if a is bool_:
        return b
    if a.is_float and b.is_float:
        return float32 if a.bits == b.bits else max(a, b, key=lambda d: d.bits)
    if a.is_float or b.is_float:
        return a if a.is_float else b
    if a.kind == b.kind:
        return max(a, b, key=lambda d: d.bits)
    signed, unsigned = (a, b) if a.kind == "i" else (b, a)
    if unsigned.bits < signed.bits:
        return signed
    return _SIGNED[2 * unsigned.bits] if unsigned.bits < 64 else float32
