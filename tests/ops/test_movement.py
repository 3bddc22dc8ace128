"""Ops that move elements against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import ArgumentError, OutOfRangeError, ShapeError
from graphc.ops import leaf, movement

from .values import numbers, value

A = numbers((2, 3, 5))
M = numbers((4, 6), "int32")
E = numbers((0, 3))
# fmt: off
SAME_AS_NUMPY = [
    (movement.reshape,     np.reshape,      (A, (5, 6))),
    (movement.reshape,     np.reshape,      (A, (-1,))),
    (movement.reshape,     np.reshape,      (A, (3, -1, 2))),
    (movement.reshape,     np.reshape,      (E, (3, 0, 2))),
    (movement.reshape,     np.reshape,      (A[:1, :1, :1], ())),
    (movement.expand_dims, np.expand_dims,  (A, 0)),
    (movement.expand_dims, np.expand_dims,  (A, -1)),
    (movement.expand_dims, np.expand_dims,  (A, (0, -1))),
    (movement.squeeze,     np.squeeze,      (A[:1, :, :1],)),
    (movement.squeeze,     np.squeeze,      (A[:1, :, :1], -1)),
    (movement.transpose,   np.transpose,    (A,)),
    (movement.transpose,   np.transpose,    (A, (1, 2, 0))),
    (movement.transpose,   np.transpose,    (E, (1, 0))),
    (movement.swapaxes,    np.swapaxes,     (A, 0, -1)),
    (movement.moveaxis,    np.moveaxis,     (A, 0, 2)),
    (movement.moveaxis,    np.moveaxis,     (A, -1, 0)),
    (movement.flip,        np.flip,         (A,)),
    (movement.flip,        np.flip,         (A, (0, 2))),
    (movement.flip,        np.flip,         (E, 0)),
    (movement.tile,        np.tile,         (A, (2, 1, 3))),
    (movement.tile,        np.tile,         (M, (2, 2, 2))),
    (movement.tile,        np.tile,         (A, (2,))),
    (movement.repeat,      np.repeat,       (A, 3, 1)),
    (movement.repeat,      np.repeat,       (E, 2, 0)),
    (movement.roll,        np.roll,         (A, 2, 2)),
    (movement.roll,        np.roll,         (A, -7, 1)),
    (movement.roll,        np.roll,         (E, 1, 0)),
    (movement.pad,         np.pad,          (M, ((1, 2), (0, 3)))),
    (movement.pad,         np.pad,          (E, ((1, 2), (0, 0)))),
    (movement.concat,      np.concatenate,  ([A, A[:, :1], A], 1)),
    (movement.concat,      np.concatenate,  ([E, E], 0)),
    (movement.stack,       np.stack,        ([M, M + 1], 1)),
    (movement.stack,       np.stack,        ([M, M + 1], -1)),
]
# fmt: on


@pytest.mark.parametrize(("function", "numpy", "args"), SAME_AS_NUMPY)
def test_same_as_numpy(function, numpy, args):
    np.testing.assert_array_equal(value(function(*args)), numpy(*args))


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_every_dtype_moves_unchanged(dtype):
    array = numbers((3, 4), dtype)
    x = leaf.constant(array)
    moved = movement.flip(movement.transpose(movement.concat([x, x])), 0)
    wanted = np.flip(np.concatenate([array, array]).T, 0)
    np.testing.assert_array_equal(value(moved), wanted)
    assert moved.dtype is dtype


def test_pad_with_a_value_and_between_elements():
    found = value(movement.pad([1, 2, 3], [(1, 2)], value=9, interior=(1,)))
    assert found.tolist() == [9, 1, 9, 2, 9, 3, 9, 9]
    assert value(movement.pad(leaf.zeros((0,)), [(1, 0)], 5.0, (3,))).tolist() == [5]


def test_flatten_and_split():
    assert movement.flatten(leaf.zeros((7, 5, 5, 64)), 1).shape == (7, 1600)
    for parts in (2, [1, 4], [0, 6]):
        wanted = np.split(M, parts, 1)
        found = movement.split(M, parts, 1)
        assert len(found) == len(wanted)
        for f, w in zip(found, wanted):
            np.testing.assert_array_equal(value(f), w)


KEYS = [
    np.s_[0], np.s_[-1], np.s_[:, 1], np.s_[..., 2], np.s_[1:], np.s_[:, ::2], np.s_[:, :, ::-1],
    np.s_[:, :, 4:0:-2], np.s_[:, None, 1:3], np.s_[:, 5:2], np.s_[0, 1, 2], np.s_[..., None],
    np.s_[:, -2:], np.s_[:, :, -100:100], np.s_[:, [2, 0, 0]], np.s_[()],
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_with_brackets(key):
    np.testing.assert_array_equal(value(leaf.constant(A)[key]), A[key])


WRONG = [
    (ShapeError, "keeps the number of elements", lambda x: movement.reshape(x, (4, 2))),
    (ShapeError, "at most one size", lambda x: movement.reshape(x, (-1, -1))),
    (ShapeError, "cannot be worked out", lambda x: movement.reshape(x, (-1, 4))),
    (ShapeError, "order of all axes", lambda x: movement.transpose(x, (0, 0))),
    (ShapeError, "only axes of size 1", lambda x: movement.squeeze(x, 0)),
    (ShapeError, "differ elsewhere", lambda x: movement.concat([x, leaf.zeros((4, 4))])),
    (ShapeError, "no equal parts", lambda x: movement.split(x, 2, 1)),
    (ShapeError, "no such axis", lambda x: movement.flip(x, 2)),
    (ArgumentError, "never negative", lambda x: movement.pad(x, [(-1, 0), (0, 0)])),
    (ArgumentError, "nothing to concatenate", lambda x: movement.concat([])),
    (OutOfRangeError, "outside its axis", lambda x: x[2]),
    (ShapeError, "more indices than axes", lambda x: x[0, 0, 0]),
]


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function(leaf.zeros((2, 3)))
