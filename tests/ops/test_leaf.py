"""Constants, uniform tensors, coordinates, sizes."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.reference.evaluate import evaluate
from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf

from .values import value

# fmt: off
CONSTANTS = [
    (3.0,                                 (),              "float32"),
    ([1, 2, 4],                           (3,),            "int32"),
    ([[1.0, 2.0], [3.0, 4.0]],            (2, 2),          "float32"),
    (True,                                (),              "bool"),
    (2**40,                               (),              "int64"),
    (np.zeros((258, 320, 3), np.uint8),   (258, 320, 3),   "uint8"),
    (np.float64(2),                       (),              "float64"),
]
# fmt: on


@pytest.mark.parametrize(("given", "shape", "dtype"), CONSTANTS)
def test_constants(given, shape, dtype):
    tensor = leaf.constant(given)
    assert (tensor.shape, tensor.dtype.name, tensor.ndim) == (shape, dtype, len(shape))
    np.testing.assert_array_equal(value(tensor), given)


def test_sizes_of_images():
    assert leaf.zeros((258, 320, 3)).size == 247_680
    assert leaf.zeros((100, 258, 320, 3)).size == 24_768_000


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 5), (2, 3)])
def test_uniform_tensors_and_coordinates(shape, dtype):
    np.testing.assert_array_equal(value(leaf.full(shape, 1, dtype)), np.ones(shape, dtype.numpy))
    for axis in range(len(shape)):
        if dtype.kind != "b":
            wanted = np.indices(shape)[axis].astype(dtype.numpy)
            np.testing.assert_array_equal(value(leaf.iota(shape, axis, dtype)), wanted)


def test_arange():
    assert value(leaf.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert value(leaf.arange(1, 2, 0.25)).tolist() == [1, 1.25, 1.5, 1.75]
    assert leaf.arange(5).dtype is dtypes.int32
    assert leaf.arange(0.5).dtype is dtypes.float32


def test_unknown_sizes_have_values_when_called():
    x = leaf.placeholder(("batch", 3), name="x")
    size = leaf.size_of(2 * x.shape[0] + 1)
    shape = leaf.iota((x.shape[0], 2), 0)
    found = evaluate([size, shape], {x: np.zeros((4, 3))})
    assert (found[0].item(), found[0].dtype) == (9, np.int64)
    assert found[1].tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="no such axis"):
        leaf.iota((2, 3), 2)
    with pytest.raises(ShapeError, match="not a size"):
        leaf.zeros((2, -1))
    with pytest.raises(ArgumentError, match="does not fit into int8"):
        leaf.full((2,), 128, "int8")
