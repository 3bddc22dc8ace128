"""The elementary functions of `libdevice` for the interpreter, by NumPy.

Imported by generated sources only, when Triton is there.
"""

# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _array(x: object, like: np.dtype) -> np.ndarray:
    x = x.value if isinstance(x, tl.constexpr) else x
    return x.handle.data if isinstance(x, tl.tensor) else np.asarray(x, like)


def _called(function: Callable[..., np.ndarray], *args: object) -> object:
    kinds = [a.dtype for a in args if isinstance(a, tl.tensor)]
    kind = max(kinds, key=lambda d: d.primitive_bitwidth, default=tl.float32)
    like = np.dtype(np.float64 if kind == tl.float64 else np.float32)
    found = np.asarray(function(*(_array(a, like) for a in args))).astype(like)
    shape = next((a.shape for a in args if isinstance(a, tl.tensor) and a.type.is_block()), None)
    type_ = tl.block_type(kind, list(found.shape)) if shape is not None else kind
    return tl.tensor(TensorHandle(found, kind), type_)


def _cell(function: Callable[..., np.ndarray]) -> Callable[..., object]:
    return lambda *args: _called(function, *args)


# fmt: off
exp      = _cell(np.exp)
expm1    = _cell(np.expm1)
log      = _cell(np.log)
log1p    = _cell(np.log1p)
sin      = _cell(np.sin)
cos      = _cell(np.cos)
tan      = _cell(np.tan)
asin     = _cell(np.arcsin)
acos     = _cell(np.arccos)
atan     = _cell(np.arctan)
atan2    = _cell(np.arctan2)
sinh     = _cell(np.sinh)
cosh     = _cell(np.cosh)
tanh     = _cell(np.tanh)
asinh    = _cell(np.arcsinh)
acosh    = _cell(np.arccosh)
atanh    = _cell(np.arctanh)
erf      = _cell(_erf)
pow      = _cell(np.power)  # noqa: A001
fmod     = _cell(np.fmod)
floor    = _cell(np.floor)
ceil     = _cell(np.ceil)
rint     = _cell(np.rint)
trunc    = _cell(np.trunc)
copysign = _cell(np.copysign)
div_rn   = _cell(np.divide)
sqrt_rn  = _cell(np.sqrt)
# fmt: on
