"""Functions of NumPy's names against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, numeric

from .values import numbers, value

SQUARE, WIDE, DEEP = numbers((4, 4)), numbers((3, 5)), numbers((2, 3, 4))
INF, NAN = np.inf, np.nan
ODD = np.float32([-INF, -1.5, 0, 2, INF, NAN])
# fmt: off
SAME_AS_NUMPY = [
    (numeric.linspace,      np.linspace,      (0, 1, 5)),
    (numeric.linspace,      np.linspace,      (2, -3, 4, False)),
    (numeric.linspace,      np.linspace,      (0, 1, 0)),
    (numeric.eye,           np.eye,           (3,)),
    (numeric.eye,           np.eye,           (3, 4, 1)),
    (numeric.eye,           np.eye,           (4, 2, -2)),
    (numeric.eye,           np.eye,           (0,)),
    (numeric.diag,          np.diag,          (SQUARE,)),
    (numeric.diag,          np.diag,          (WIDE, 3)),
    (numeric.diag,          np.diag,          (WIDE, -2)),
    (numeric.diag,          np.diag,          (WIDE, 7)),
    (numeric.diag,          np.diag,          (SQUARE[0],)),
    (numeric.diag,          np.diag,          (SQUARE[0], -2)),
    (numeric.diag,          np.diag,          (SQUARE[0] > 0, 1)),
    (numeric.diag,          np.diag,          (SQUARE > 0,)),
    (numeric.tril,          np.tril,          (DEEP,)),
    (numeric.tril,          np.tril,          (DEEP, -1)),
    (numeric.triu,          np.triu,          (DEEP, 1)),
    (numeric.triu,          np.triu,          (SQUARE * NAN,)),
    (numeric.trace,         np.trace,         (WIDE,)),
    (numeric.trace,         np.trace,         (WIDE, -1)),
    (numeric.logaddexp,     np.logaddexp,     (ODD, ODD[::-1])),
    (numeric.logaddexp,     np.logaddexp,     (ODD, 1.5)),
    (numeric.logaddexp,     np.logaddexp,     (ODD, ODD)),
    (numeric.hypot,         np.hypot,         (ODD, 3.0)),
    (numeric.hypot,         np.hypot,         (np.float32([3e30, 0]), np.float32([4e30, 0]))),
    (numeric.heaviside,     np.heaviside,     (ODD, 0.5)),
    (numeric.exp2,          np.exp2,          (WIDE,)),
    (numeric.log2,          np.log2,          (np.abs(WIDE),)),
    (numeric.log10,         np.log10,         (np.abs(WIDE),)),
    (numeric.nan_to_num,    np.nan_to_num,    (ODD,)),
    (numeric.nan_to_num,    np.nan_to_num,    (np.array([1, 2]),)),
    (numeric.isclose,       np.isclose,       (ODD, ODD)),
    (numeric.isclose,       np.isclose,       (ODD, ODD[::-1])),
    (numeric.isclose,       np.isclose,       (ODD, np.float32(2.0001), 1e-3)),
    (numeric.allclose,      np.allclose,      (WIDE, WIDE + 1e-9)),
    (numeric.allclose,      np.allclose,      (WIDE, WIDE + 1e-2)),
    (numeric.diff,          np.diff,          (DEEP,)),
    (numeric.diff,          np.diff,          (DEEP, 2, 0)),
    (numeric.diff,          np.diff,          (DEEP, 0)),
    (numeric.count_nonzero, np.count_nonzero, (WIDE > 0,)),
    (numeric.count_nonzero, np.count_nonzero, (np.array([[0, 2], [0, 0]]), 1)),
    (numeric.average,       np.average,       (WIDE, 1)),
    (numeric.average,       np.average,       (WIDE, 1, np.abs(WIDE) + 1)),
    (numeric.zeros_like,    np.zeros_like,    (DEEP,)),
    (numeric.ones_like,     np.ones_like,     (DEEP, "int8")),
    (numeric.full_like,     np.full_like,     (DEEP, 3)),
]
# fmt: on


@pytest.mark.parametrize(("function", "numpy", "args"), SAME_AS_NUMPY)
def test_same_as_numpy(function, numpy, args):
    with np.errstate(all="ignore"):
        wanted = numpy(*args)
    np.testing.assert_allclose(value(function(*args)), wanted, 2e-6, 1e-6)


def test_exp2_of_whole_numbers_is_exact():
    assert value(numeric.exp2([-3.0, 0.0, 10.0])).tolist() == [0.125, 1, 1024]


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_meshgrid(indexing):
    for vectors in ([[1, 2, 3]], [[1, 2, 3], [4, 5]], [[1, 2], [3], [4, 5, 6]]):
        wanted = np.meshgrid(*vectors, indexing=indexing)
        found = numeric.meshgrid(*vectors, indexing=indexing)
        for f, w in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(value(f), w)


@pytest.mark.parametrize("order", [1, 2, 3.5, np.inf])
def test_norms(order):
    x = numbers((3, 5), "float64")
    found = value(numeric.norm(x, 1, order))
    np.testing.assert_allclose(found, np.linalg.norm(x, order, 1))
    assert value(numeric.norm(x, keepdims=True)).shape == (1, 1)


def test_close_numbers_that_are_none():
    assert value(numeric.allclose([NAN], [NAN], equal_nan=True))
    assert not value(numeric.allclose([NAN], [NAN]))


def test_dtypes():
    assert numeric.eye(2, dtype="int8").dtype is dtypes.int8
    assert numeric.diag(leaf.constant([1, 2], "int8")).dtype is dtypes.int8
    assert numeric.diagonal(leaf.zeros((2, 2), "int8")).dtype is dtypes.int8
    found = value(numeric.nan_to_num(leaf.constant([INF, -INF], "float16")))
    assert found.tolist() == [65504, -65504]


def test_unknown_sizes():
    x = leaf.placeholder(("n", "n"))
    assert numeric.diagonal(x).shape == (x.shape[0],)
    assert numeric.trace(leaf.placeholder((None, None))).shape == ()
    with pytest.raises(ShapeError, match="length of the diagonal is not known"):
        numeric.diagonal(leaf.placeholder((None, None)))


# fmt: off
WRONG = [
    (ShapeError,    "not a matrix",             lambda: numeric.tril([1, 2])),
    (ShapeError,    "meshgrid takes vectors",   lambda: numeric.meshgrid(SQUARE)),
    (ArgumentError, "no such indexing",         lambda: numeric.meshgrid([1], indexing="yx")),
    (ArgumentError, "number of points",         lambda: numeric.linspace(0, 1, -1)),
    (ArgumentError, "not a norm",               lambda: numeric.norm(SQUARE, order=0)),
    (ArgumentError, "order of differences",     lambda: numeric.diff(SQUARE, -1)),
]
# fmt: on


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function()
