"""The general convolution against loops over its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.signal import correlate

from graphc.errors import DTypeError, ShapeError
from graphc.ops import leaf
from graphc.ops.conv import conv_general

from .values import numbers, value


def convolution(x, w, strides, padding, input_dilation, kernel_dilation, groups, batch_groups):
    """y[n, o, f], element by element; what lies outside x or between its elements is 0."""
    spatial, taps = x.shape[1:-1], w.shape[:-2]
    extents = [(k - 1) * d + 1 for k, d in zip(taps, kernel_dilation)]
    dilated = [(s - 1) * d + 1 if s else 0 for s, d in zip(spatial, input_dilation)]
    counts = [
        max((s + sum(p) - e) // t + 1, 0) for s, p, e, t in zip(dilated, padding, extents, strides)
    ]
    batch, filters = x.shape[0] // batch_groups, w.shape[-1]
    y = np.zeros((batch, *counts, filters), x.dtype)
    for *place, f in np.ndindex(*counts, filters):
        part, rest = divmod(f, filters // batch_groups)
        group = rest // (filters // batch_groups // groups)
        rows = slice(part * batch, (part + 1) * batch)
        channels = slice(group * w.shape[-2], (group + 1) * w.shape[-2])
        for tap in np.ndindex(*taps):
            at = [
                o * s + t * d - p[0]
                for o, s, t, d, p in zip(place, strides, tap, kernel_dilation, padding)
            ]
            inside = all(
                0 <= a < size and a % d == 0 for a, size, d in zip(at, dilated, input_dilation)
            )
            if inside:
                source = tuple(a // d for a, d in zip(at, input_dilation))
                seen = x[(rows, *source, channels)]
                y[(slice(None), *place, f)] += seen @ w[(*tap, slice(None), f)]
    return y


def random_case(seed: int):
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    groups, batch_groups = [(1, 1), (1, 1), (2, 1), (3, 1), (1, 2)][rng.integers(5)]
    taps = rng.integers(1, 4, rank)
    attrs = {
        "strides": tuple(map(int, rng.integers(1, 4, rank))),
        "padding": tuple(map(tuple, rng.integers(-1, 4, (rank, 2)).tolist())),
        "input_dilation": tuple(map(int, rng.integers(1, 3, rank))),
        "kernel_dilation": tuple(map(int, rng.integers(1, 3, rank))),
        "groups": groups,
        "batch_groups": batch_groups,
    }
    channels, filters = groups * int(rng.integers(1, 3)), groups * batch_groups * 2
    x = rng.normal(size=(2 * batch_groups, *rng.integers(3, 7, rank), channels))
    w = rng.normal(size=(*taps, channels // groups, filters))
    return x, w, attrs


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_definition(seed):
    x, w, attrs = random_case(seed)
    found = value(conv_general(leaf.constant(x), leaf.constant(w), **attrs))
    np.testing.assert_allclose(found, convolution(x, w, **attrs), 1e-12, 1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_equals_scipy(rank):
    x, w = numbers((7, 6, 5)[:rank], "float64"), numbers((3, 2, 2)[:rank], "float64", "w")
    found = conv_general(
        leaf.constant(x[None, ..., None]),
        leaf.constant(w[..., None, None]),
        strides=(1,) * rank,
        padding=((0, 0),) * rank,
    )
    np.testing.assert_allclose(value(found)[0, ..., 0], correlate(x, w, "valid"), 1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_dtypes(dtype):
    x, w = numbers((2, 5, 5, 3), dtype), numbers((3, 3, 3, 4), dtype, "w")
    ones, padding = (1, 1), ((1, 1), (1, 1))
    tensors = leaf.constant(x), leaf.constant(w)
    found = value(conv_general(*tensors, strides=ones, padding=padding))
    wanted = convolution(x.astype(float), w.astype(float), ones, padding, ones, ones, 1, 1)
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2, "bfloat16": 6e-2}[dtype]
    np.testing.assert_allclose(found.astype(float), wanted, tolerance, tolerance)


@pytest.mark.parametrize(
    ("size", "taps", "batch"), list(itertools.product([0, 1, 5], [1, 3], [0, 2]))
)
def test_empty_and_small_inputs(size, taps, batch):
    x, w = numbers((batch, size, 2), "float64"), numbers((taps, 2, 3), "float64")
    found = value(conv_general(leaf.constant(x), leaf.constant(w), strides=(2,), padding=((0, 0),)))
    wanted = convolution(x, w, (2,), ((0, 0),), (1,), (1,), 1, 1)
    np.testing.assert_allclose(found, wanted, 1e-12)


def conv_of(x, w, dtype="float32"):
    return conv_general(
        leaf.zeros(x), leaf.zeros(w, dtype), strides=(1, 1), padding=((0, 0), (0, 0))
    )


def test_wrong_arguments():
    with pytest.raises(ShapeError, match="channels of the input do not fit"):
        conv_of((1, 5, 5, 3), (3, 3, 4, 8))
    with pytest.raises(ShapeError, match="a convolution takes"):
        conv_of((5, 5, 3), (3, 3, 3, 8))
    with pytest.raises(DTypeError, match="floats of one dtype"):
        conv_of((1, 5, 5, 3), (3, 3, 3, 8), "float64")
