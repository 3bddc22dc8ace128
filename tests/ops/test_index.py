"""Gather, scatter, sort and their kin against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from graphc.ops import index, leaf

from .values import numbers, value

A = numbers((4, 5, 3))
PLACES = np.array([[3, 0, -1], [1, 1, 2]])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_take(axis, dtype):
    places = (np.abs(PLACES) % 3).astype(dtype)
    np.testing.assert_array_equal(value(index.take(A, places, axis)), np.take(A, places, axis))


def test_take_counts_from_the_end_and_takes_nothing():
    np.testing.assert_array_equal(value(index.take(A, PLACES)), np.take(A, PLACES, 0))
    assert value(index.take(A, np.zeros((0,), np.int32), 1)).shape == (4, 0, 3)
    np.testing.assert_array_equal(value(index.take(A, 2, 1)), A[:, 2])


@pytest.mark.parametrize(
    ("x_shape", "places", "wanted"),
    [((0, 4), (0, 3), (0, 3)), ((2, 4), (2, 0), (2, 0)), ((2, 3, 0), (2, 5), (2, 5, 0))],
)
def test_gather_of_nothing(x_shape, places, wanted):
    found = index.gather(np.zeros(x_shape, np.float32), np.zeros(places, np.int32), 1, 1)
    assert value(found).shape == wanted


@pytest.mark.parametrize(("axis", "batch_dims"), [(1, 1), (2, 1), (2, 2)])
def test_gather_with_batch_axes(axis, batch_dims):
    places = np.abs(numbers((*A.shape[:batch_dims], 2), "int32")) % A.shape[axis]
    found = value(index.gather(A, places, axis, batch_dims))
    for batch in np.ndindex(A.shape[:batch_dims]):
        wanted = np.take(A[batch], places[batch], axis - batch_dims)
        np.testing.assert_array_equal(found[batch], wanted)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis(axis):
    order = np.argsort(A, axis)
    found = value(index.take_along_axis(A, order, axis))
    np.testing.assert_array_equal(found, np.take_along_axis(A, order, axis))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scatter_against_a_loop(axis):
    places = np.array([1, 0, 1, -1])
    shape = (*A.shape[:axis], 4, *A.shape[axis + 1 :])
    updates = numbers(shape, seed="u")
    added, written = A.copy(), A.copy()
    for i, place in enumerate(places):
        at = (slice(None),) * axis
        added[(*at, place)] += updates[(*at, i)]
        written[(*at, place)] = updates[(*at, i)]
    found = value(index.scatter_add(A, places, updates, axis))
    np.testing.assert_allclose(found, added, 1e-6, 1e-6)
    np.testing.assert_array_equal(value(index.scatter_set(A, places, updates, axis)), written)


def test_scatter_with_batch_axes():
    places = np.array([[0, 0], [1, 2]])
    found = value(index.scatter_add(leaf.zeros((2, 3)), places, np.float32([[1, 2], [3, 4]]), 1, 1))
    assert found.tolist() == [[3, 0, 0], [0, 3, 4]]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bool", "bfloat16"])
def test_sort_is_stable(dtype, descending):
    for shape in [(0,), (1,), (17,), (5, 7)]:
        array = (numbers(shape, "int32") % 4).astype(leaf.zeros((), dtype).dtype.numpy)
        for axis in range(len(shape)):
            places = value(index.argsort(array, axis, descending=descending))
            key = -array.astype(int) if descending else array.astype(int)
            np.testing.assert_array_equal(places, np.argsort(key, axis, kind="stable"))
            found = value(index.sort(array, axis, descending=descending))
            np.testing.assert_array_equal(found, np.take_along_axis(array, places, axis))
    assert places.dtype == np.int32


def test_nan_is_the_largest():
    x = np.array([2, np.nan, -np.inf, 1, np.nan], np.float32)
    assert value(index.argsort(x)).tolist() == [2, 3, 0, 1, 4]
    assert value(index.argsort(x, descending=True)).tolist() == [1, 4, 0, 3, 2]


def test_top_k_and_one_hot():
    x = np.array([[0.5, 0.9, 0.1, 0.9], [3, 2, 1, 0]], np.float32)
    values, places = index.top_k(x, 2)
    assert value(places).tolist() == [[1, 3], [0, 1]]
    np.testing.assert_array_equal(value(values), np.take_along_axis(x, value(places), 1))
    assert value(index.one_hot(2, 3)).tolist() == [0, 0, 1]
    found = value(index.one_hot([[0, 1], [-1, 5]], 3, "int32"))
    assert found.tolist() == [[[1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize("place", [5, -6])
def test_an_index_out_of_range_names_the_line_of_the_user(place):
    at = leaf.constant([0, place])
    taken = index.take(A, at, 1)  # this line reads outside
    with pytest.raises(OutOfRangeError) as caught:
        value(taken)
    assert "this line reads outside" in str(caught.value)
    assert "-5 .. 4" in str(caught.value)
    with pytest.raises(OutOfRangeError):
        value(index.scatter_add(A, at, 1.0, 1))


def test_wrong_arguments():
    with pytest.raises(DTypeError, match="an index is an integer tensor"):
        index.take(A, [0.5])
    with pytest.raises(DTypeError, match="an index is an integer tensor"):
        index.take(A, leaf.constant([True], dtypes.bool_))
    with pytest.raises(ShapeError, match="leading batch axes"):
        index.gather(A, PLACES, 1, 1)
    with pytest.raises(ArgumentError, match="k is at most"):
        index.top_k(A, 4)
    with pytest.raises(ShapeError, match="cannot be broadcast"):
        index.scatter_add(leaf.zeros((3,)), [0, 1], leaf.zeros((3,)))
