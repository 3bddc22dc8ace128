"""Products of tensors against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, matmul

from .values import numbers, value

# fmt: off
SHAPES = [
    ((2, 3), (3, 5)),       ((3,), (3,)),          ((3,), (3, 5)),         ((2, 3), (3,)),
    ((0, 3), (3, 5)),       ((2, 0), (0, 5)),      ((1, 1), (1, 1)),       ((4, 2, 3), (3, 5)),
    ((4, 2, 3), (4, 3, 5)), ((1, 2, 3), (4, 3, 5)), ((7, 1, 2, 3), (4, 3, 5)), ((2, 3), (4, 3, 5)),
    ((3,), (4, 3, 5)),      ((13, 17), (17, 11)),
]
EINSUM = [
    ("ij,jk->ik",     (2, 3), (3, 5)),            ("ij,jk",        (2, 3), (3, 5)),
    ("bij,bjk->bik",  (4, 2, 3), (4, 3, 5)),      ("bij,bkj->bik", (4, 2, 3), (4, 5, 3)),
    ("ij->ji",        (2, 3)),                    ("ij->",         (2, 3)),
    ("ij->j",         (2, 3)),                    ("i,j->ij",      (2,), (3,)),
    ("ij,ij->ij",     (2, 3), (2, 3)),            ("ij,ij->",      (2, 3), (2, 3)),
    ("ij,jk,kl->il",  (2, 3), (3, 4), (4, 5)),    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("ij,k->i",       (2, 3), (4,)),
]
# fmt: on


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "float16", "bfloat16"])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_matmul(a, b, dtype):
    x, y = numbers(a, dtype, "x"), numbers(b, dtype, "y")
    if len(b) > 2 and len(a) == 1:
        with pytest.raises(ShapeError):
            matmul.matmul(leaf.zeros((4,)), leaf.zeros((4, 3, 5)))
        return
    wide = np.float64 if dtype != "int32" else np.int32
    tolerance = {"float32": 1e-5, "float16": 4e-3, "bfloat16": 4e-2}.get(dtype, 1e-12)
    found = value(matmul.matmul(x, y))
    wanted = np.matmul(x.astype(wide), y.astype(wide))
    np.testing.assert_allclose(found.astype(wide), wanted, tolerance, tolerance)


@pytest.mark.parametrize("case", EINSUM, ids=lambda c: c[0])
def test_einsum(case):
    equation, *shapes = case
    arrays = [numbers(s, "float64", str(i)) for i, s in enumerate(shapes)]
    found = value(matmul.einsum(equation, *arrays))
    np.testing.assert_allclose(found, np.einsum(equation, *arrays), 1e-12)


def test_tensordot_outer_dot():
    a, b = numbers((2, 3, 4), "float64"), numbers((4, 3, 5), "float64")
    np.testing.assert_allclose(value(matmul.tensordot(a, b, 1)), np.tensordot(a, b, 1))
    axes = ([1, 2], [1, 0])
    np.testing.assert_allclose(value(matmul.tensordot(a, b, axes)), np.tensordot(a, b, axes))
    u, v = numbers((3,), "float64"), numbers((5,), "float64")
    np.testing.assert_allclose(value(matmul.outer(u, v)), np.outer(u, v))
    np.testing.assert_allclose(value(matmul.dot(a, b.swapaxes(0, 1))), np.dot(a, b.swapaxes(0, 1)))


def test_rows_are_examples():
    x, w = leaf.constant(numbers((2, 3))), leaf.constant(numbers((3, 5)))
    assert (x @ w).shape == (2, 5)


def test_dot_general_with_batch_axes_anywhere():
    a, b = numbers((3, 7, 2, 5), "float64"), numbers((5, 2, 4, 3), "float64")
    found = value(matmul.dot_general(a, b, ([3], [0]), ([0, 2], [3, 1])))
    np.testing.assert_allclose(found, np.einsum("aibk,kbja->abij", a, b))


A, B = leaf.zeros((2, 3, 4)), leaf.zeros((5, 4, 3))
M = [[1, 2], [3, 4]]
# fmt: off
WRONG = [
    (ShapeError,    "inner sizes of a matrix product", lambda: matmul.matmul(M, [[1, 2]])),
    (ShapeError,    "no scalars",                      lambda: matmul.matmul(3, [1, 2])),
    (ShapeError,    "shapes do not fit",               lambda: matmul.matmul(A, B)),
    (ShapeError,    "axes of a product differ",        lambda: matmul.tensordot(M, [[1], [2]], 2)),
    (ArgumentError, "not an einsum equation",          lambda: matmul.einsum("ii->i", M)),
    (ArgumentError, "not an einsum equation",          lambda: matmul.einsum("ij->k", M)),
]
# fmt: on


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function()
