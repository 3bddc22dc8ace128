"""Numbers that machines trap on or leave undefined: NumPy's value, or one error; never a crash."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import DataError, OutOfRangeError

from .refusal import refused

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]


def ends(dtype: str) -> np.ndarray:
    """The least and largest numbers, and those around 0."""
    limits = np.iinfo(dtype)
    wanted = [limits.min, limits.min + 1, -2, -1, 0, 1, 2, 3, limits.max - 1, limits.max]
    return np.array([w for w in wanted if limits.min <= w], dtype)


def pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Every number beside every other, often enough for vectors and what is left over."""
    a = ends(dtype)
    x, y = (np.tile(g.ravel(), 3) for g in np.meshgrid(a, a, indexing="ij"))
    return x, y


@pytest.mark.parametrize("dtype", INTEGERS)
def test_division_and_remainder_as_numpy(dtype):
    x, y = (gx.placeholder((None,), dtype, name=n) for n in "xy")
    f = gx.function([x, y], [x // y, x % y])
    a, b = pairs(dtype)
    with np.errstate(all="ignore"):
        want = a // b, a % b
    for got, right in zip(f(a, b), want, strict=True):
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("divisor", [0, -1, 7])
def test_division_by_a_number_that_is_known(divisor):
    x = gx.placeholder((None,), "int32", name="x")
    a = ends("int32")
    with np.errstate(all="ignore"):
        want = a // np.int32(divisor), a % np.int32(divisor)
    for got, right in zip(gx.function(x, [x // divisor, x % divisor])(a), want, strict=True):
        np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts_by_more_than_the_width(dtype):
    """All bits go: 0, or the sign where it is shifted in; by a negative number likewise."""
    x, y = (gx.placeholder((None,), dtype, name=n) for n in "xy")
    f = gx.function([x, y], [x << y, x >> y])
    a, by = np.repeat(ends(dtype), 9), np.tile(np.arange(9), ends(dtype).size)
    bits = 8 * a.dtype.itemsize
    b = np.array([0, 1, bits - 1, bits, bits + 1, 2 * bits - 1, 100, 127, 3])[by].astype(dtype)
    left, right = f(a, b)
    whole = [(int(v), int(k)) for v, k in zip(a, b)]
    wrap = [(v << k) % 2**bits for v, k in whole]
    np.testing.assert_array_equal(left, np.array(wrap, np.dtype(f"u{bits // 8}")).view(dtype))
    np.testing.assert_array_equal(right, np.array([v >> k for v, k in whole], dtype))


@pytest.mark.parametrize("target", INTEGERS)
@pytest.mark.parametrize("source", FLOATS)
def test_casts_of_numbers_that_do_not_fit(source, target):
    """Towards zero, as far as the integers reach; NaN becomes 0."""
    x = gx.placeholder((None,), source, name="x")
    values = [np.nan, np.inf, -np.inf, 1e30, -1e30, 65504.0, -65504.0, 1.9, -1.9, -0.0, 254.5]
    with np.errstate(over="ignore"):
        a = np.array(values * 3).astype(x.dtype.numpy)
    limits = np.iinfo(target)
    clipped = [0 if np.isnan(v) else min(max(v, -(2.0**80)), 2.0**80) for v in a.astype("f8")]
    want = [min(max(int(v), limits.min), limits.max) for v in clipped]
    np.testing.assert_array_equal(gx.function(x, gx.cast(x, target))(a), np.array(want, target))


def test_integer_powers():
    x, y = (gx.placeholder((None,), "int32", name=n) for n in "xy")
    a, b = pairs("int32")
    b = np.clip(b, -3, 40)
    want = [(1 if v == 1 else (-1) ** k if v == -1 else 0) if k < 0 else v**k for v, k in
            ((int(v), int(k)) for v, k in zip(a, b))]  # fmt: skip
    wrapped = np.array([w % 2**32 for w in want], np.uint32).view(np.int32)
    np.testing.assert_array_equal(gx.function([x, y], x**y)(a, b), wrapped)


# ---------------------------------------------------------------------------- indices

X = np.arange(20, dtype=np.float32).reshape(4, 5)
x, at = gx.placeholder((4, 5), name="x"), gx.placeholder((None,), "int32", name="at")
rows = gx.placeholder((None, 5), "int64", name="rows")
ones = gx.ones((at.shape[0], 5))


def scanned() -> gx.Tensor:
    def turn(carry: gx.Tensor, i: gx.Tensor) -> tuple[gx.Tensor, gx.Tensor]:
        row = gx.take(x, i, axis=0)
        return carry + row, row

    return gx.scan(turn, gx.zeros((5,)), at)[1]


def branched() -> gx.Tensor:
    return gx.cond(gx.sum(x) > 0, lambda: gx.take(x, at, axis=0), lambda: gx.take(x * 2, at, 0))


def looped() -> gx.Tensor:
    def more(carry: tuple[gx.Tensor, gx.Tensor]) -> gx.Tensor:
        return carry[0] < gx.size_of(at.shape[0], "int32")

    def turn(carry: tuple[gx.Tensor, gx.Tensor]) -> tuple[gx.Tensor, gx.Tensor]:
        i, found = carry
        row = gx.take(x, gx.take(at, i[None]), axis=0)
        return i + 1, gx.scatter_set(found, i[None], row)

    return gx.while_loop(more, turn, (gx.constant(0), ones))[1]


INDEXED = {
    "take": lambda: gx.take(x, at, axis=0),
    "x[at]": lambda: x[at],
    "gather": lambda: gx.gather(x, at, axis=0) + 1,
    "fused": lambda: gx.sum(gx.sin(gx.take(x * 2, at, axis=0)), axis=1),
    "scatter_add": lambda: gx.scatter_add(x, at, ones),
    "scatter_set": lambda: gx.scatter_set(x, at, ones),
    "gradient": lambda: gx.grad(gx.sum(gx.take(x, at, axis=0) ** 2), x),
    "scan": scanned,
    "cond": branched,
    "while": looped,
    "call": lambda: gx.jit(lambda a, i: gx.take(a, i, axis=0))(x, at),
}


@pytest.mark.parametrize("name", INDEXED)
def test_an_index_outside_of_its_axis(name):
    calls = gx.variable(np.zeros(2, np.float32), name="calls")
    state = gx.variable(X, name="state")
    y = INDEXED[name]()
    f = gx.function([x, at], y, updates={calls: calls + 1, state: state * 2 + gx.sum(y)})
    meaning = gx.function([x, at], y, target="reference")
    good = [0, 3, -1, -4]
    np.testing.assert_allclose(f(X, good), meaning(X, good), rtol=1e-6)
    before = state.numpy().copy()
    for bad in ([4], [-5], [0, 1, 4], [2**31 - 1], [-(2**31)], [0] * 500 + [9]):
        refused(lambda bad=bad: f(X, bad), OutOfRangeError, "outside of its axis of size 4")
        assert calls.numpy().tolist() == [1, 1], "an error changes nothing"
        np.testing.assert_array_equal(state.numpy(), before)
    np.testing.assert_allclose(f(X, good), meaning(X, good), rtol=1e-6)
    assert calls.numpy().tolist() == [2, 2]


def test_an_index_along_an_axis():
    f = gx.function([x, rows], gx.take_along_axis(x, rows, axis=0))
    good = np.array([[0, 1, 2, 3, -1], [-4, 0, 0, 0, 0]])
    np.testing.assert_array_equal(f(X, good), np.take_along_axis(X, good, 0))
    for bad in (4, -5, 2**62, -(2**63)):
        wrong = good.copy()
        wrong[1, 4] = bad
        refused(lambda wrong=wrong: f(X, wrong), OutOfRangeError, "outside of its axis of size 4")
    np.testing.assert_array_equal(f(X, good), np.take_along_axis(X, good, 0))


def test_the_line_of_the_index_is_named():
    y = gx.take(x - 0.75, at, axis=0)
    f = gx.function([x, at], y + 1)
    text = refused(lambda: f(X, [7]), OutOfRangeError, "an index of")
    assert "y = gx.take(x - 0.75, at, axis=0)" in text


def test_a_constant_index_and_an_empty_axis():
    f = gx.function(x, x[[0, 9]])
    refused(lambda: f(X), OutOfRangeError, "outside of its axis of size 4")
    empty = gx.placeholder((None, 2), name="empty")
    f = gx.function([empty, at], gx.take(empty, at, axis=0))
    assert f(np.ones((0, 2)), []).shape == (0, 2)
    refused(lambda: f(np.ones((0, 2)), [0]), OutOfRangeError, "outside of its axis")


def test_a_branch_that_is_not_taken_is_not_checked():
    f = gx.function([x, at], gx.cond(gx.sum(x) > 0, lambda: gx.take(x, at, 0), lambda: ones))
    assert f(-X, [9]).tolist() == [[1] * 5]
    refused(lambda: f(X, [9]), OutOfRangeError, "outside of its axis")


def test_a_branch_is_not_checked_where_its_rows_are_known_outside():
    row = gx.take(x, at, 0)
    f = gx.function([x, at], gx.cond(gx.sum(x) > 0, lambda: gx.take(x, at, 0), lambda: ones))
    assert f(-X, [9]).tolist() == [[1] * 5]
    g = gx.function([x, at], gx.cond(gx.sum(x) > 0, lambda: row, lambda: ones))
    refused(lambda: g(-X, [9]), OutOfRangeError, "outside of its axis")


# ---------------------------------------------------------------------------- labels


LABELS = [[0, 1, 5, 2], [0, -9, 1, 2], [0, 1, 2**40, 3], [0, 1, np.nan, 2], [0, np.inf, 1, 2],
          [0.0, 1.0, 1.5, 2.0]]  # fmt: skip


@pytest.mark.parametrize("bad", LABELS, ids=str)
def test_labels_that_are_no_classes(bad):
    model = gx.Sequential([gx.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    data, labels = np.ones((4, 2), np.float32), np.array([0, 1, 2, 1])
    model.fit(data, labels, epochs=1, verbose=0)
    before = [w.copy() for w in model.get_weights()]
    train = lambda: model.fit(data, np.array(bad), epochs=1, verbose=0)  # noqa: E731
    refused(train, DataError, "are class numbers")
    for w, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, old)
    model.fit(data, labels, epochs=1, verbose=0)
