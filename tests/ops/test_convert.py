"""Promotion, weak numbers, broadcasting, casts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import DTypeError, ShapeError
from graphc.ops import convert, leaf

from .values import SIZES, numbers, value

SHAPES = list(itertools.product([(), (1,), (3,), (2, 1), (2, 3), (0, 3)], repeat=2))
PAIRS = list(itertools.product(dtypes.ALL, repeat=2))


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=str)
def test_promotion_is_a_join(a, b):
    joined = dtypes.promote(a, b)
    assert joined is dtypes.promote(b, a)
    assert dtypes.promote(joined, a) is joined
    one, other = convert.promote(leaf.constant([1], a), leaf.constant([1], b))
    assert one.dtype is other.dtype is joined


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=str)
def test_promotion_against_numpy(a, b):
    """Equal to NumPy within a kind; an integer never widens a float, as in JAX and PyTorch."""
    names = {a.name, b.name}
    if a.is_float != b.is_float:
        wanted = a if a.is_float else b
    elif names == {"float16", "bfloat16"} or ("uint64" in names and "i" in (a.kind, b.kind)):
        wanted = dtypes.float32
    elif "bfloat16" in names:
        wanted = a if a.bits >= b.bits else b
    else:
        wanted = dtypes.as_dtype(np.promote_types(a.numpy, b.numpy))
    assert dtypes.promote(a, b) is wanted


# fmt: off
PYTHON_NUMBERS_ARE_WEAK = [
    ("float16", 2,     "float16"), ("float16",  2.5,  "float16"), ("bfloat16", 2.5, "bfloat16"),
    ("int8",    2,     "int8"),    ("int8",     2.5,  "float32"), ("int64",    2.5, "float32"),
    ("uint8",   2,     "uint8"),   ("bool",     2,    "int32"),   ("bool",     2.5, "float32"),
    ("bool",    True,  "bool"),    ("int8",     True, "int8"),    ("float64",  2,   "float64"),
]
# fmt: on


@pytest.mark.parametrize(("dtype", "number", "wanted"), PYTHON_NUMBERS_ARE_WEAK)
def test_python_numbers_are_weak(dtype, number, wanted):
    tensor, other = convert.promote(leaf.constant([1], dtype), number)
    assert tensor.dtype.name == other.dtype.name == wanted


def test_an_integer_variable_meets_floats():
    total = leaf.constant(0) + leaf.constant([0.1, 0.4]) * np.array([1.0, 2.0])
    assert total.dtype is dtypes.float64
    assert value(total).tolist() == pytest.approx([0.1, 0.8])


def test_a_number_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="does not fit into uint8"):
        leaf.constant([1], "uint8") + 300


@pytest.mark.parametrize("shapes", SHAPES)
def test_broadcasting_follows_numpy(shapes):
    try:
        wanted = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ShapeError, match="shapes do not fit together"):
            convert.broadcast_shapes(*shapes)
        return
    assert convert.broadcast_shapes(*shapes) == wanted
    arrays = [numbers(s) for s in shapes]
    found = convert.broadcast(*map(leaf.constant, arrays))
    for tensor, array in zip(found, arrays):
        np.testing.assert_array_equal(value(tensor), np.broadcast_to(array, wanted))


def test_broadcast_errors_name_the_line_of_the_user():
    x = leaf.placeholder((None, 10), name="features")
    with pytest.raises(ShapeError) as caught:
        x * np.ones(3)  # three weights for ten features
    assert "three weights for ten features" in str(caught.value)
    assert "test_convert.py" in str(caught.value)
    with pytest.raises(ShapeError, match="the shape cannot be broadcast"):
        convert.broadcast_to(leaf.zeros((3,)), (4,))


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
@pytest.mark.parametrize("source", dtypes.ALL, ids=str)
def test_casts_keep_small_numbers(source, dtype):
    for shape in SIZES:
        array = np.abs(numbers(shape, "int32")).astype(source.numpy)
        found = value(convert.cast(leaf.constant(array), dtype))
        wanted = array.astype(int).astype(dtype.numpy)
        np.testing.assert_array_equal(found.astype(int), wanted.astype(int))


# fmt: off
CASTS_AT_THE_BORDERS = [
    (1.9,       "float32", "int32",   1),           (-1.9,     "float32", "int32",   -1),
    (3e9,       "float32", "int32",   2**31 - 1),   (-3e9,     "float32", "int32",   -2**31),
    (math.inf,  "float32", "int64",   2**63 - 1),   (-math.inf, "float64", "int64",  -2**63),
    (math.nan,  "float32", "int32",   0),           (-5.0,     "float32", "uint8",   0),
    (300.0,     "float16", "uint8",   255),         (1e30,     "float64", "uint64",  2**64 - 1),
    (2.0**31,   "float32", "int32",   2**31 - 1),   (127.6,    "bfloat16", "int8",   127),
    (math.nan,  "float32", "bool",    True),        (0.0,      "float32", "bool",    False),
    (300,       "int32",   "uint8",   44),          (-1,       "int32",   "uint32",  2**32 - 1),
    (2,         "int32",   "bool",    True),        (1e39,     "float64", "float32", math.inf),
    (70000.0,   "float32", "float16", math.inf),    (257.0,    "float32", "bfloat16", 256.0),
]
# fmt: on


@pytest.mark.parametrize(("number", "source", "dtype", "wanted"), CASTS_AT_THE_BORDERS)
def test_casts_at_the_borders(number, source, dtype, wanted):
    with np.errstate(over="ignore"):
        found = value(convert.cast(leaf.constant([number], source), dtype))
    assert found.tolist() == [wanted]


@pytest.mark.parametrize("text", ["complex64", "string", "float128", object])
def test_dtypes_that_do_not_exist(text):
    with pytest.raises(DTypeError, match="not a dtype of numbers"):
        leaf.zeros(3, text)


def test_texts_are_no_numbers():
    with pytest.raises(DTypeError, match="not an array of numbers"):
        leaf.constant(["a", "b"])


@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_constants_go_there_and_back(dtype):
    array = numbers((2, 3), dtype)
    np.testing.assert_array_equal(leaf.constant(array).numpy(), array)
    assert leaf.constant(array).dtype is dtype
