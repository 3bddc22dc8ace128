"""What Triton's interpreter does otherwise than a GPU, mended.

- float32 becomes bfloat16 by rounding to nearest, not by cutting off;
- products of bfloat16 matrices are of numbers, not of their bits;
- truth values are truth values also where one number is compared;
- reductions and scans by the functions of `prelude.py` go over whole arrays;
- bounds of loops are numbers also where NumPy insists on arrays without axes.
"""

# pyright: reportAttributeAccessIssue=false, reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import ml_dtypes
import numpy as np

REDUCE: dict[str, np.ufunc] = {
    "maximum": np.maximum, "minimum": np.minimum, "product": np.multiply, "add": np.add,
    "either": np.logical_or, "both": np.logical_and,
}  # fmt: skip


def mend(interpreter: ModuleType) -> None:
    """Replace methods of the interpreter's classes."""
    builder, handle = interpreter.InterpreterBuilder, interpreter.TensorHandle
    tl = interpreter.tl
    _round_bfloat16(builder, handle, tl)
    _multiply_bfloat16(builder, handle, tl)
    _compare_numbers(builder, handle, tl)
    _reduce_arrays(interpreter)
    _count_loops(interpreter)


def _round_bfloat16(builder: type, handle: type, tl: ModuleType) -> None:
    before = builder.cast_impl

    def cast_impl(self: object, src, dst_type):
        if src.dtype.scalar == tl.float32 and dst_type.scalar == tl.bfloat16:
            near = src.data.astype(ml_dtypes.bfloat16).view(np.uint16)
            return handle(near, tl.bfloat16)
        return before(self, src, dst_type)

    def create_fp_to_fp(self: object, src, dst_type, _rounding):
        return cast_impl(self, src, dst_type)

    builder.cast_impl = cast_impl
    builder.create_fp_to_fp = create_fp_to_fp


def _multiply_bfloat16(builder: type, handle: type, tl: ModuleType) -> None:
    before = builder.create_dot

    def widened(x):
        if x.dtype.scalar != tl.bfloat16:
            return x
        return handle(x.data.view(ml_dtypes.bfloat16).astype(np.float32), tl.float32)

    def create_dot(self: object, a, b, d, *rest):
        return before(self, widened(a), widened(b), d, *rest)

    builder.create_dot = create_dot


def _compare_numbers(builder: type, handle: type, tl: ModuleType) -> None:
    before = builder.binary_op

    def binary_op(self: object, lhs, rhs, op):
        found = before(self, lhs, rhs, op)
        return handle(found.data, tl.int1) if found.data.dtype == np.bool_ else found

    builder.binary_op = binary_op


def _reduce_arrays(interpreter: ModuleType) -> None:
    reduce_ops, scan_ops = interpreter.ReduceOps, interpreter.ScanOps
    reduced, scanned = reduce_ops.apply_impl, scan_ops.apply_impl

    def reduce_impl(self, values):
        ufunc = _ufunc_of(self.combine_fn)
        if ufunc is None or len(values) != 1:
            return reduced(self, values)
        (x,) = values
        found = ufunc.reduce(x.handle.data, axis=self.axis, keepdims=self.keep_dims)
        return self.to_tensor(found.astype(x.handle.data.dtype), x.dtype)

    def scan_impl(self, values):
        ufunc = _ufunc_of(self.combine_fn)
        if ufunc is None or len(values) != 1 or self.reverse:
            return scanned(self, values)
        (x,) = values
        found = ufunc.accumulate(x.handle.data, axis=self.axis)
        return [self.to_tensor(found.astype(x.handle.data.dtype), dtype=x.dtype)]

    reduce_ops.apply_impl = reduce_impl
    scan_ops.apply_impl = scan_impl


def _ufunc_of(combine: Callable[..., object]) -> np.ufunc | None:
    function = vars(combine).get("fn", combine)
    return (
        REDUCE.get(function.__name__) if function.__module__.startswith("graphc_kernel") else None
    )


def _count_loops(interpreter: ModuleType) -> None:
    def index(tensor) -> int:
        return int(np.asarray(tensor.handle.data).reshape(-1)[0])

    before = interpreter._patch_lang_tensor

    def patch_lang_tensor(tensor, *rest):
        before(tensor, *rest)
        tensor.__index__ = index

    interpreter._patch_lang_tensor = patch_lang_tensor
