"""Reductions and cumulative ops against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from graphc import dtypes
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ops import leaf, reduce

from .values import numbers, value

SHAPES = [(1,), (7,), (3, 5), (2, 3, 5), (1, 13, 1)]
AXES = [None, 0, -1, (0, 1), (), (-1, 0)]
# fmt: off
REDUCTIONS = {
    reduce.sum:       np.sum,
    reduce.prod:      np.prod,
    reduce.max:       np.max,
    reduce.min:       np.min,
    reduce.mean:      np.mean,
    reduce.var:       np.var,
    reduce.std:       np.std,
    reduce.any:       np.any,
    reduce.all:       np.all,
    reduce.logsumexp: logsumexp,
}
CUMULATIVE = {
    reduce.cumsum:  np.cumsum,
    reduce.cumprod: np.cumprod,
    reduce.cummax:  np.maximum.accumulate,
    reduce.cummin:  np.minimum.accumulate,
}
# fmt: on


def name_of(case):
    return getattr(case, "__name__", str(case))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8", "bool"])
@pytest.mark.parametrize("function", REDUCTIONS, ids=name_of)
def test_reductions(function, dtype):
    for shape in SHAPES:
        array = numbers(shape, dtype)
        for axis in [a for a in AXES if not isinstance(a, tuple) or len(a) <= len(shape)]:
            for keepdims in (False, True):
                if axis == () and function is reduce.logsumexp:
                    continue
                found = value(function(array, axis, keepdims=keepdims))
                wanted = REDUCTIONS[function](array, axis=axis, keepdims=keepdims)
                if found.dtype.kind in "iu":  # integers wrap around
                    wanted = np.asarray(wanted).astype(found.dtype)
                np.testing.assert_allclose(found, wanted, 1e-5, 1e-6)


@pytest.mark.parametrize("function", [reduce.sum, reduce.prod, reduce.any, reduce.all])
def test_nothing_reduces_to_the_identity(function):
    for shape, axis in (((0,), None), ((3, 0), 1), ((0, 3), 0)):
        found = value(function(leaf.zeros(shape), axis))
        np.testing.assert_array_equal(found, REDUCTIONS[function](np.zeros(shape), axis))


# fmt: off
SUM_DTYPES = [
    ("bool", "int32"),   ("int8", "int32"),      ("int64", "int64"),       ("uint8", "uint32"),
    ("uint64", "uint64"), ("float16", "float16"), ("bfloat16", "bfloat16"), ("float64", "float64"),
]
# fmt: on


@pytest.mark.parametrize(("dtype", "wanted"), SUM_DTYPES)
def test_dtypes_of_sums(dtype, wanted):
    x = leaf.ones((3,), dtype)
    assert reduce.sum(x).dtype.name == reduce.prod(x).dtype.name == wanted
    assert reduce.cumsum(x).dtype.name == wanted
    assert reduce.max(x).dtype.name == dtype
    assert reduce.sum(x, dtype="float64").dtype is dtypes.float64


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_sums_accumulate_in_float32(dtype):
    # In float16 2048 + 1 is 2048 again, in bfloat16 256 + 1 is 256.
    assert value(reduce.sum(leaf.ones((4096,), dtype))) == 4096
    assert value(reduce.mean(leaf.ones((4096,), dtype))) == 1


def test_nan_and_infinity():
    array = np.array([[1, np.nan], [np.inf, -np.inf]], np.float32)
    np.testing.assert_array_equal(value(reduce.max(array, 1)), [np.nan, np.inf])
    np.testing.assert_array_equal(value(reduce.min(array, 1)), [np.nan, -np.inf])
    np.testing.assert_array_equal(value(reduce.argmax(array, 1)), [1, 0])
    np.testing.assert_array_equal(value(reduce.argmin(array, 1)), [1, 1])


def test_logsumexp_does_not_overflow():
    array = np.array([[1e4, 1e4], [-1e4, -1e4], [-np.inf, -np.inf], [np.inf, 0]], np.float32)
    wanted = [1e4 + np.log(2), -1e4 + np.log(2), -np.inf, np.inf]
    np.testing.assert_allclose(value(reduce.logsumexp(array, 1)), wanted, 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bool", "float16"])
@pytest.mark.parametrize("pair", [(reduce.argmax, np.argmax), (reduce.argmin, np.argmin)])
def test_places_of_extremes(pair, dtype):
    function, numpy = pair
    for shape in SHAPES:
        array = numbers(shape, dtype)
        for axis in (None, *range(-len(shape), len(shape))):
            found = value(function(array, axis))
            np.testing.assert_array_equal(found, numpy(array, axis))
            assert found.dtype == np.int32
    assert value(function(leaf.zeros((2, 3)), 1, keepdims=True, dtype="int64")).shape == (2, 1)


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
@pytest.mark.parametrize("function", CUMULATIVE, ids=name_of)
def test_cumulative(function, dtype):
    for shape in [(0,), *SHAPES]:
        array = numbers(shape, dtype)
        for axis in range(-len(shape), len(shape)):
            wanted = CUMULATIVE[function](array, axis=axis)
            np.testing.assert_allclose(value(function(array, axis)), wanted, 1e-6, 1e-6)
            back = np.flip(CUMULATIVE[function](np.flip(array, axis), axis=axis), axis)
            found = value(function(array, axis, reverse=True))
            np.testing.assert_allclose(found, back, 1e-6, 1e-6)


def test_exclusive_sums_and_products():
    x = np.array([2.0, 0.0, np.inf, 3.0], np.float32)
    np.testing.assert_array_equal(value(reduce.cumsum(x, exclusive=True)), [0, 2, 2, np.inf])
    np.testing.assert_array_equal(value(reduce.cumprod(x[:3], exclusive=True)), [1, 2, 0])
    found = value(reduce.cumsum([1, 2, 3], exclusive=True, reverse=True))
    assert found.tolist() == [5, 3, 0]
    assert value(reduce.cumprod(leaf.zeros((0,)), exclusive=True)).shape == (0,)


def test_variance_with_correction():
    array = numbers((5, 3), "float64")
    np.testing.assert_allclose(value(reduce.var(array, 0, correction=1)), array.var(0, ddof=1))


def test_wrong_arguments():
    x = leaf.zeros((2, 0))
    with pytest.raises(ArgumentError, match="largest of no elements"):
        reduce.max(x)
    with pytest.raises(ShapeError, match="no such axis"):
        reduce.sum(x, 2)
    with pytest.raises(ShapeError, match="an axis is named twice"):
        reduce.sum(x, (0, -2))
    with pytest.raises(DTypeError, match="an index is an integer"):
        reduce.argmax(leaf.zeros((3,)), dtype="float32")
