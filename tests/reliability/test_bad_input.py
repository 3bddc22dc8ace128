"""What a compiled function is given: converted if nothing is lost, else refused and nothing done.

After every refusal variables are as before and the same function gives right results.
"""

from __future__ import annotations

import array

import ml_dtypes
import numpy as np
import pytest

import graphc as gx
from graphc.errors import FeedError, FeedTypeError, ModeError, OutOfMemoryError, UnknownNameError

from .refusal import refused

A = np.arange(6, dtype=np.float32).reshape(2, 3)
I = np.array([1, -2], np.int32)  # noqa: E741


class Counter:
    """A function of a matrix x and as many integers i that counts its calls in a variable."""

    def __init__(self) -> None:
        x = gx.placeholder(("rows", 3), name="x")
        i = gx.placeholder(("rows",), "int32", name="i")
        self.calls = gx.variable(0.0, name="calls")
        outputs = [gx.sum(x, axis=1) * gx.cast(i, "float32"), i // 2]
        self.run = gx.function(
            [x, i], outputs, updates={self.calls: self.calls + 1}, name="counter"
        )

    def works(self) -> None:
        """One right call, which is the only one that is counted."""
        before = float(self.calls.numpy())
        product, half = self.run(A, I)
        assert (product.tolist(), half.tolist()) == ([3, -24], [0, -1])
        assert self.calls.numpy() == before + 1


@pytest.fixture(scope="module")
def counter():
    return Counter()


class Rude:
    def __array__(self, *_: object, **__: object) -> np.ndarray:
        return np.array(["rude"])


# fmt: off
BAD = [
    # ---- how many, and which
    (lambda f: f(),                                  FeedError,        "lacks a value for x, i"),
    (lambda f: f(A),                                 FeedError,        "lacks a value for i"),
    (lambda f: f(i=I),                               FeedError,        "lacks a value for x"),
    (lambda f: f(A, I, A),                           FeedError,        "too many arguments"),
    (lambda f: f(A, I, x=A),                         FeedError,        "given twice"),
    (lambda f: f(A, j=I),                            UnknownNameError, "no input of that name"),
    (lambda f: f(A, I, **{"": I}),                   UnknownNameError, "no input of that name"),
    # ---- shapes
    (lambda f: f(A[0], I),                           FeedError,        "x has 2 axes"),
    (lambda f: f(A[None], I),                        FeedError,        "x has 2 axes"),
    (lambda f: f(A, I[0]),                           FeedError,        "i has 1 axes"),
    (lambda f: f(1.0, I),                            FeedError,        "x has 2 axes"),
    (lambda f: f(A.T, I),                            FeedError,        "axis 1 of the input x"),
    (lambda f: f(A[:, :0], I),                       FeedError,        "axis 1 of the input x"),
    (lambda f: f(A, I[:1]),                          FeedError,        "rows = 2 from x"),
    (lambda f: f(A[:0], I),                          FeedError,        "rows = 0 from x"),
    # ---- dtypes
    (lambda f: f(A, I.astype("f4")),                 FeedTypeError,    "the input i is int32"),
    (lambda f: f(A, [1.0, 2.0]),                     FeedTypeError,    "the input i is int32"),
    (lambda f: f(A, [np.nan, np.inf]),               FeedTypeError,    "the input i is int32"),
    (lambda f: f(A.astype("c8"), I),                 FeedTypeError,    "array of numbers"),
    (lambda f: f(A, [2**31, 0]),                     FeedError,        "does not fit into int32"),
    (lambda f: f(A, [0, -2**31 - 1]),                FeedError,        "does not fit into int32"),
    (lambda f: f(A, np.array([2**64 - 1, 0], "u8")), FeedError,        "does not fit into int32"),
    (lambda f: f(A, [2**70, 0]),                     FeedTypeError,    "array of numbers"),
    # ---- no numbers at all
    (lambda f: f([[1, 2, 3], [4]], I),               FeedTypeError,    "differing lengths"),
    (lambda f: f([[1, 2, 3], [4, 5, [6]]], I),       FeedTypeError,    "differing lengths"),
    (lambda f: f("text", I),                         FeedTypeError,    "array of numbers"),
    (lambda f: f(b"text", I),                        FeedTypeError,    "array of numbers"),
    (lambda f: f([["1", "2", "3"]] * 2, I),          FeedTypeError,    "array of numbers"),
    (lambda f: f(None, I),                           FeedTypeError,    "array of numbers"),
    (lambda f: f([[None] * 3] * 2, I),               FeedTypeError,    "array of numbers"),
    (lambda f: f({"x": A}, I),                       FeedTypeError,    "array of numbers"),
    (lambda f: f(object(), I),                       FeedTypeError,    "array of numbers"),
    (lambda f: f(Rude(), I),                         FeedTypeError,    "array of numbers"),
    (lambda f: f(A.astype("O"), I),                  FeedTypeError,    "array of numbers"),
    (lambda f: f(A.astype("M8[s]"), I),              FeedTypeError,    "array of numbers"),
    (lambda f: f(A.astype("m8[s]"), I),              FeedTypeError,    "array of numbers"),
    (lambda f: f(A.view([("a", "f4")]), I),          FeedTypeError,    "array of numbers"),
    (lambda f: f(gx.placeholder((2, 3)), I),         ModeError,     "has no value"),
]

WIDE = np.arange(24, dtype=np.float32).reshape(4, 6)
FROZEN = A.copy()
FROZEN.flags.writeable = False
GOOD = [
    # ---- for x
    (A.tolist(),                     I),
    (((0, 1, 2), (3, 4, 5)),         I),
    ([A[0], A[1]],                   I),
    (np.asfortranarray(A),           I),
    (A.astype(">f4"),                I),
    (FROZEN,                         I),
    (WIDE[1:3, 3::-1][:, 1:],        I),
    (WIDE[::2, ::2],                 I),
    (np.broadcast_to(A[:1], (2, 3)), I),
    (A.astype("f8"),                 I),
    (A.astype("f2"),                 I),
    (A.astype(ml_dtypes.bfloat16),   I),
    (A.astype(ml_dtypes.float8_e5m2), I),
    (A.astype("g"),                  I),
    (A.astype("u8"),                 I),
    (A > 2,                          I),
    (memoryview(A),                  I),
    (gx.constant(A),                 I),
    # ---- for i
    (A,                              I.tolist()),
    (A,                              I.astype(">i4")),
    (A,                              np.array([[1, 5], [-2, 5]], np.int32)[:, 0]),
    (A,                              array.array("h", [1, -2])),
    (A,                              np.array([2**31 - 1, -2**31])),
    (A,                              [True, False]),
    # ---- no rows
    (A[:0],                          I[:0]),
    (np.zeros((0, 3), ">f8"),        []),
]
# fmt: on


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_feed(call, error, words, counter):
    before = float(counter.calls.numpy())
    refused(lambda: call(counter.run), error, words)
    assert counter.calls.numpy() == before
    counter.works()


@pytest.mark.parametrize(("x", "i"), GOOD)
def test_good_feed(x, i, counter):
    plain = np.array(x.numpy() if isinstance(x, gx.Tensor) else x).astype(np.float32)
    whole = np.array(i).astype(np.int32)
    product, half = counter.run(x, i)
    np.testing.assert_array_equal(product, plain.sum(1) * whole.astype(np.float32))
    np.testing.assert_array_equal(half, whole // 2)
    np.testing.assert_array_equal(np.array(x.numpy() if isinstance(x, gx.Tensor) else x), plain)


def test_a_number_for_a_scalar():
    s = gx.placeholder((), name="s")
    f = gx.function(s, s * 2)
    for given in (3, 3.0, True, np.float64(3), np.array(3), np.array(3, ">i2"), np.float32(3)):
        assert f(given) == 2 * given
    refused(lambda: f([3]), FeedError, "s has 0 axes")


def test_numbers_beyond_float32_become_infinite():
    s = gx.placeholder((2,), name="s")
    assert gx.function(s, s)([1e300, -1e300]).tolist() == [np.inf, -np.inf]


def test_bool_takes_only_bool():
    s = gx.placeholder((2,), "bool", name="s")
    f = gx.function(s, ~s)
    assert f([True, False]).tolist() == [False, True]
    refused(lambda: f([0, 1]), FeedTypeError, "the input s is bool")


# ---------------------------------------------------------------------------- sizes at the call


def test_sizes_without_a_name_that_met():
    x, y = gx.placeholder((None,), name="x"), gx.placeholder((None,), name="y")
    f = gx.function([x, y], x + y)
    refused(lambda: f([1, 2], [1, 2, 3]), FeedError, "axis 0 of the input y")
    assert f([1, 2, 3], [1, 2, 3]).tolist() == [2, 4, 6]
    assert f([], []).size == 0


def test_a_named_size_in_two_inputs():
    x, y = gx.placeholder(("n", "n")), gx.placeholder(("n", "m"))
    f = gx.function([x, y], x @ y)
    assert f(np.eye(2), np.ones((2, 5))).shape == (2, 5)
    refused(lambda: f(np.ones((2, 3)), np.ones((2, 5))), FeedError, "axis 1 of the input")
    refused(lambda: f(np.eye(2), np.ones((3, 5))), FeedError, "axis 0 of the input")


def test_an_image_smaller_than_the_window():
    """One missing row leaves no place for the window, more would be a negative size."""
    image = gx.placeholder((None, None, None, 1), name="image")
    y = gx.nn.conv2d(image, gx.ones((3, 3, 1, 2)), padding="valid")
    f = gx.function(image, y)
    assert f(np.ones((1, 3, 3, 1))).tolist() == [[[[9, 9]]]]
    assert f(np.ones((1, 2, 3, 1))).shape == (1, 0, 1, 2)
    assert f(np.ones((0, 3, 3, 1))).shape == (0, 1, 1, 2)
    text = refused(lambda: f(np.ones((1, 1, 5, 1))), FeedError, "sizes that meet in conv")
    assert "y = gx.nn.conv2d(image" in text, "the line of the convolution"
    assert f(np.ones((1, 3, 3, 1))).tolist() == [[[[9, 9]]]]


def test_a_reshape_that_does_not_fit():
    x = gx.placeholder((None,), name="x")
    rows = gx.function(x, gx.reshape(x, ("rows", 3)))
    fixed = gx.function(x, gx.reshape(x, (2, 3)))
    assert rows(np.arange(6)).shape == fixed(np.arange(6)).shape == (2, 3)
    refused(lambda: rows(np.arange(7)), FeedError, "axis 0 of the input x")
    refused(lambda: fixed(np.arange(7)), FeedError, "axis 0 of the input x")


@pytest.mark.parametrize("key", [5, -6, slice(2, 6), slice(5, None), slice(None, -5)], ids=str)
def test_an_element_beyond_an_unknown_size(key):
    x = gx.placeholder((None,), name="x")
    y = x[key]
    f = gx.function(x, y)
    np.testing.assert_array_equal(f(np.arange(6)), np.arange(6)[key])
    text = refused(lambda: f(np.arange(3)), FeedError, "sizes that meet in slice")
    assert "y = x[key]" in text, "the line of the slice"


def test_what_does_not_fit_into_memory():
    for shape in ((2**42,), (2**62,), (2**70,), (10**12, 10**12), (0, 10**12, 10**12)):
        refused(gx.function([], gx.ones(shape)), OutOfMemoryError, "a result of shape")
    x, v = gx.placeholder((None,), name="x"), gx.variable(0.0, name="untouched")
    cube = gx.reshape(x, (-1, 1, 1, 1)) * gx.reshape(x, (-1, 1, 1)) * gx.reshape(x, (-1, 1)) * x
    f = gx.function(x, gx.sum(gx.sort(cube)), updates={v: v + 1})
    assert f(np.ones(3)) == 81
    refused(lambda: f(np.ones(1 << 14)), OutOfMemoryError, "intermediate arrays of")
    assert v.numpy() == 1
    assert f(np.ones(2)) == 16
