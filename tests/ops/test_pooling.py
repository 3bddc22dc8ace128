"""Pooling by Keras' names: the course's examples, loops over windows, padding, layouts."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, nn

from .values import numbers, value

FOUR = np.float32([[10, 7, 1, 4], [0, 6, 5, 7], [2, 5, 9, 6], [6, 8, 12, 7]])[None, ..., None]
# fmt: off
COURSE = [
    (nn.max_pool, 2, [[10, 7], [8, 12]]),
    (nn.avg_pool, 2, [[5.75, 4.25], [5.25, 8.5]]),
    (nn.sum_pool, 2, [[23, 17], [21, 34]]),
    (nn.min_pool, 2, [[0, 1], [2, 6]]),
    (nn.max_pool, 1, [[10, 7, 7], [6, 9, 9], [8, 12, 12]]),
]
POOLS = {
    nn.max_pool: np.max,
    nn.min_pool: np.min,
    nn.sum_pool: np.sum,
    nn.avg_pool: np.mean,
}
# fmt: on


@pytest.mark.parametrize(("function", "strides", "wanted"), COURSE)
def test_examples_of_the_course(function, strides, wanted):
    np.testing.assert_array_equal(value(function(FOUR, 2, strides))[0, ..., 0], wanted)


def test_two_by_two_keeps_a_quarter_of_the_activations():
    x = leaf.zeros((1, 224, 224, 64))
    y = nn.max_pool(x, 2)
    assert y.shape == (1, 112, 112, 64)
    assert y.size / x.size == 0.25


def pooled(x, window, strides, padding, reduce):
    """Loops over windows; what is outside is left out."""
    starts, counts = [], []
    for size, w, s in zip(x.shape[1:-1], window, strides):
        total = max((-(-size // s) - 1) * s + w - size, 0) if padding == "same" else 0
        counts.append((size + total - w) // s + 1)
        starts.append(total // 2)
    y = np.zeros((x.shape[0], *counts, x.shape[-1]))
    for place in np.ndindex(*counts):
        first = [o * s - a for o, s, a in zip(place, strides, starts)]
        cut = tuple(slice(max(f, 0), f + w) for f, w in zip(first, window))
        axes = tuple(range(1, x.ndim - 1))
        y[(slice(None), *place)] = reduce(x[(slice(None), *cut)], axis=axes)
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("function", POOLS, ids=lambda f: f.__name__)
def test_against_loops(function, rank, padding):
    x = numbers((2, *(7, 6, 5)[:rank], 3), "float64")
    for window, strides in (((2,) * rank, None), ((3, 2, 1)[:rank], (1, 2, 3)[:rank]), (3, 2)):
        found = value(function(x, window, strides, padding))
        full = (window,) * rank if isinstance(window, int) else window
        steps = full if strides is None else strides
        steps = (steps,) * rank if isinstance(steps, int) else steps
        np.testing.assert_allclose(found, pooled(x, full, steps, padding, POOLS[function]))


@pytest.mark.parametrize("function", POOLS, ids=lambda f: f.__name__)
def test_channels_first(function):
    x = numbers((2, 7, 6, 3), "float64")
    first = np.moveaxis(x, -1, 1)
    found = value(function(first, 3, 2, "same", "channels_first"))
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), value(function(x, 3, 2, "same")))


def test_padding_is_never_seen():
    x = -np.ones((1, 3, 3, 1), np.float32)
    assert (value(nn.max_pool(x, 3, 1, "same")) == -1).all()
    assert (value(nn.avg_pool(x, 3, 1, "same")) == -1).all()
    assert (value(nn.avg_pool(x, 3, 1, 1)) == -1).all()


def test_global_pooling():
    x = numbers((2, 5, 4, 3), "float64")
    np.testing.assert_allclose(value(nn.global_avg_pool(x)), x.mean((1, 2)))
    np.testing.assert_allclose(
        value(nn.global_max_pool(x, keepdims=True)), x.max((1, 2), keepdims=True)
    )
    found = value(nn.global_avg_pool(np.moveaxis(x, -1, 1), "channels_first"))
    np.testing.assert_allclose(found, x.mean((1, 2)))


def test_integers():
    x = leaf.constant(np.arange(16).reshape(1, 4, 4, 1))
    assert nn.max_pool(x, 2).dtype is dtypes.int64
    assert nn.avg_pool(x, 2).dtype is dtypes.float32


def test_wrong_arguments():
    x = leaf.zeros((1, 4, 4, 1))
    with pytest.raises(ShapeError, match="pooling takes a tensor with batch"):
        nn.max_pool(x[0, 0], 2)
    with pytest.raises(ArgumentError, match="pool_size is one number per spatial axis"):
        nn.max_pool(x, (2, 2, 2))
    with pytest.raises(ShapeError, match="longer than the padded input"):
        nn.avg_pool(x, 5)
    with pytest.raises(ArgumentError, match="not a padding"):
        nn.max_pool(x, 2, padding="causal")
