"""Window reductions and their adjoints against loops over their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import DTypeError, ShapeError
from graphc.ir.mode import build
from graphc.ops import leaf, pool

from .values import numbers, value


def windows_of(x, window, strides, padding, dilation, input_dilation=None):
    """For each window, its taps inside x as (number of the tap, place in x)."""
    holes = input_dilation or (1,) * x.ndim
    extents = [(w - 1) * d + 1 for w, d in zip(window, dilation)]
    dilated = [(s - 1) * h + 1 if s else 0 for s, h in zip(x.shape, holes)]
    counts = [
        max((s + sum(p) - e) // t + 1, 0) for s, p, e, t in zip(dilated, padding, extents, strides)
    ]
    found = np.empty(counts, object)
    for place in np.ndindex(*counts):
        found[place] = []
        for number, tap in enumerate(np.ndindex(*window)):
            at = [
                o * s + t * d - p[0]
                for o, s, t, d, p in zip(place, strides, tap, dilation, padding)
            ]
            if all(0 <= a < s and a % h == 0 for a, s, h in zip(at, dilated, holes)):
                found[place].append((number, tuple(a // h for a, h in zip(at, holes))))
    return found


def random_case(seed: int, covered: bool):
    """A tensor and windows over it; `covered` windows have at least one tap inside."""
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    x = rng.integers(-5, 6, rng.integers(4, 8, rank)).astype(np.float32)
    padding = rng.integers(-1, 2 if covered else 4, (rank, 2))
    attrs = {
        "window": tuple(map(int, rng.integers(2 if covered else 1, 4, rank))),
        "strides": tuple(map(int, rng.integers(1, 4, rank))),
        "padding": tuple(map(tuple, padding.tolist())),
        "dilation": tuple(map(int, rng.integers(1, 2 if covered else 3, rank))),
    }
    return x, attrs


EMPTY = {"sum": 0.0, "max": -np.inf, "min": np.inf}


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("seed", range(15))
def test_window_reduce(seed, kind):
    x, attrs = random_case(seed, False)
    attrs["input_dilation"] = tuple(np.random.default_rng(seed).integers(1, 3, x.ndim).tolist())
    function = {"sum": sum, "max": max, "min": min}[kind]
    places = windows_of(x, **attrs)
    wanted = np.full(places.shape, EMPTY[kind], np.float32)
    for at in np.ndindex(*places.shape):
        if places[at]:
            wanted[at] = function(x[p] for _, p in places[at])
    found = value(pool.window_reduce(leaf.constant(x), kind, **attrs))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("seed", range(15))
def test_argmax_gather_and_scatter(seed):
    x, attrs = random_case(seed, True)
    tensor, places = leaf.constant(x), windows_of(x, **attrs)
    best = np.zeros(places.shape, int)
    for at in np.ndindex(*places.shape):
        best[at] = max(places[at], key=lambda tap: (x[tap[1]], -tap[0]))[0]
    index = build(pool.window_argmax_op, (tensor,), attrs)[0]
    assert index.dtype is dtypes.uint8
    np.testing.assert_array_equal(value(index), best)

    gathered = value(build(pool.window_gather_op, (tensor, index), attrs)[0])
    np.testing.assert_array_equal(gathered, value(pool.window_reduce(tensor, "max", **attrs)))

    y = numbers(gathered.shape, "float32")
    back = build(pool.window_scatter_op, (leaf.constant(y), index), {"shape": x.shape, **attrs})[0]
    # The scatter is the adjoint of the gather: <gather(x), y> = <x, scatter(y)>.
    np.testing.assert_allclose((gathered * y).sum(), (x * value(back)).sum(), 1e-4, 1e-4)
    wanted = np.zeros_like(x)
    for at in np.ndindex(*places.shape):
        wanted[dict(places[at])[best[at]]] += y[at]
    np.testing.assert_allclose(value(back), wanted, 1e-5, 1e-6)


ONE = {"window": (2,), "strides": (2,), "padding": ((1, 1),), "dilation": (1,)}
# fmt: off
ARGMAX_AT_THE_BORDER = [
    ([-np.inf, -np.inf], [1, 0]),   # the padding is not chosen, though it is no lower
    ([np.nan, np.nan],   [1, 0]),
    ([3.0, np.nan],      [1, 0]),
]
# fmt: on


@pytest.mark.parametrize(("x", "wanted"), ARGMAX_AT_THE_BORDER)
def test_argmax_at_the_border(x, wanted):
    found = build(pool.window_argmax_op, (leaf.constant(np.float32(x)),), ONE)[0]
    assert value(found).tolist() == wanted


def test_argmax_takes_the_first_nan():
    x = leaf.constant(np.float32([5, np.nan, 7, np.nan]))
    attrs = {"window": (4,), "strides": (4,), "padding": ((0, 0),), "dilation": (1,)}
    index = build(pool.window_argmax_op, (x,), attrs)[0]
    assert value(index).tolist() == [1]
    assert np.isnan(value(build(pool.window_gather_op, (x, index), attrs)[0])).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32", "uint8"])
@pytest.mark.parametrize("kind", EMPTY)
def test_dtypes(kind, dtype):
    array = numbers((6,), dtype)
    attrs = {"window": (2,), "strides": (2,), "padding": ((0, 0),)}
    found = value(pool.window_reduce(leaf.constant(array), kind, **attrs))
    numpy = {"sum": np.sum, "max": np.max, "min": np.min}[kind]
    wanted = numpy(array.reshape(3, 2).astype(float), 1).astype(array.dtype)
    np.testing.assert_allclose(found.astype(float), wanted.astype(float), 1e-3)


def test_wrong_arguments():
    with pytest.raises(ShapeError, match="one window size per axis"):
        pool.window_reduce(leaf.zeros((4, 4)), "max", window=(2,), strides=(2,), padding=((0, 0),))
    with pytest.raises(DTypeError, match="sum, max or min"):
        pool.window_reduce(leaf.zeros((4,)), "mean", window=(2,), strides=(2,), padding=((0, 0),))
