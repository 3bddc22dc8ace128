"""Sorts and running sums against NumPy, over dtypes, sizes and axes."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.dtypes import DType
from graphc.ir.dim import named
from graphc.kernels.evaluate import REDUCE
from graphc.schedule.plan import CumulativeStep, SortStep

from .plans import given, plan, result

SIZES = tuple(map(named, "abc"))
SHAPES = (
    (1, 1, 1),
    (0, 3, 2),
    (3, 0, 2),
    (2, 3, 0),
    (1, 7, 1),
    (2, 13, 17),
    (5, 1, 3),
    (1, 257, 2),
)


def values(dtype: DType, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Many equal numbers, both zeros, infinities, NaN, and the ends of integers."""
    rng = np.random.default_rng(seed)
    if dtype.is_float:
        some = rng.integers(-3, 4, shape).astype(np.float32) / 2
        odd = rng.choice(np.float32([np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-7]), shape)
        return np.where(rng.random(shape) < 0.3, odd, some).astype(dtype.numpy)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    limits = np.iinfo(dtype.numpy)
    return rng.choice(np.array([limits.min, limits.max, 0, 1, 3, 7], dtype.numpy), shape)


def sorted_places(x: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    """Stable; NaN is the largest."""
    if x.dtype.kind not in "biu":
        x = x.astype(np.float64) + 0.0
    if not descending:
        return np.argsort(x, axis, kind="stable")
    turned = np.argsort(np.flip(x, axis), axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - turned, axis)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_sort(dtype: DType, descending: bool) -> None:
    for axis in range(3):
        x = given("x", SIZES, dtype=dtype)
        y = result("y", SIZES, dtype=dtype)
        at = result("at", SIZES, 1, dtypes.int32)
        step = SortStep(x, y, at, axis, descending)
        executable = LLVMExecutable(plan(step, storages=(x, y, at)))
        for shape in SHAPES:
            a = values(dtype, shape)
            got, places = executable.run([a], dict(zip("abc", shape)))
            want = sorted_places(a, axis, descending)
            np.testing.assert_array_equal(places, want)
            assert got.tobytes() == np.take_along_axis(a, want, axis).tobytes()


def test_long_rows_are_sorted_by_many_chunks() -> None:
    x, y = given("x", SIZES[:2]), result("y", SIZES[:2])
    at = result("at", SIZES[:2], 1, dtypes.int32)
    executable = LLVMExecutable(plan(SortStep(x, y, at, 1, False), storages=(x, y, at)))
    for shape in ((1, 100_003), (37, 4099)):
        a = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        got, places = executable.run([a], dict(zip("ab", shape)))
        np.testing.assert_array_equal(places, np.argsort(a, 1, kind="stable"))
        np.testing.assert_array_equal(got, np.sort(a, 1))


def accumulated(x: np.ndarray, kind: str, axis: int, reverse: bool, exclusive: bool) -> np.ndarray:
    """The running result, 16-bit floats by way of float32."""
    narrow = x.dtype.itemsize == 2 and x.dtype.kind not in "iu"
    whole = x.astype(np.float32) if narrow else x
    order = np.flip(whole, axis) if reverse else whole
    function, start = REDUCE[kind]
    if exclusive:
        first = np.full_like(order.take([0] if x.shape[axis] else [], axis), start)
        order = np.concatenate([first, order.take(range(max(x.shape[axis] - 1, 0)), axis)], axis)
    found = function.accumulate(order, axis, dtype=order.dtype)
    return (np.flip(found, axis) if reverse else found).astype(x.dtype)


@pytest.mark.parametrize("kind", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_cumulative(dtype: DType, kind: str) -> None:
    ways = [(False, False), (True, False)]
    ways += [(False, True), (True, True)] if kind in ("sum", "prod") else []
    for number, (reverse, exclusive) in enumerate(ways):
        for axis in (0, 1, 2) if number < 2 else (2, 1):
            x, y = given("x", SIZES, dtype=dtype), result("y", SIZES, dtype=dtype)
            step = CumulativeStep(kind, x, y, axis, reverse, exclusive)
            executable = LLVMExecutable(plan(step, storages=(x, y)))
            for shape in SHAPES:
                a = values(dtype, shape, seed=number)
                (got,) = executable.run([a], dict(zip("abc", shape)))
                with np.errstate(all="ignore"):
                    want = accumulated(a, kind, axis, reverse, exclusive)
                if dtype.is_float:
                    got, want = got.astype(np.float64), want.astype(np.float64)
                np.testing.assert_array_equal(got, want)
