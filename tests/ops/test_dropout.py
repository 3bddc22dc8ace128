"""Dropout: values, statistics, reproducibility, noise shapes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, nn, random

from .values import numbers, value

KEY, OTHER = random.key(1), random.key(2)
ONES = leaf.ones((200, 100))


def test_half_of_the_course():
    x = numbers((2, 3))
    found = value(nn.dropout(x, 0.5, KEY))
    assert ((found == 0) | (found == 2 * x)).all()
    assert value(nn.dropout(x, 0.5, KEY)).tolist() == found.tolist()
    wide = [value(nn.dropout(ONES, 0.5, key)) for key in (KEY, OTHER)]
    assert set(np.unique(wide[0])) == {0, 2}
    assert (wide[0] != wide[1]).any()
    assert abs(wide[0].mean() - 1) < 0.02


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_mean_is_kept(rate):
    found = value(nn.dropout(ONES, rate, KEY))
    dropped = int((found == 0).sum())
    assert stats.binomtest(dropped, found.size, rate).pvalue > 0.01
    np.testing.assert_allclose(found[found != 0], 1 / (1 - rate), 1e-6)


def test_the_borders():
    x = leaf.constant(numbers((5,)))
    assert nn.dropout(x, 0, KEY) is x
    assert nn.alpha_dropout(x, 0.0, KEY) is x
    assert nn.gaussian_dropout(x, 0.0, KEY) is x
    assert value(nn.dropout(x, 1, KEY)).tolist() == [0] * 5
    assert value(nn.alpha_dropout(x, 1.0, KEY)).tolist() == [0] * 5
    infinite = value(nn.dropout(np.full(100, np.inf, np.float32), 0.5, KEY))
    assert set(infinite) == {0, np.inf}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_dtype_has_the_same_mask(dtype):
    found = value(nn.dropout(leaf.ones((100,), dtype), 0.5, KEY))
    wanted = value(nn.dropout(leaf.ones((100,)), 0.5, KEY))
    assert found.astype(float).tolist() == wanted.tolist()


def test_noise_shape_shares_coins():
    found = value(nn.dropout(leaf.ones((20, 7, 5)), 0.5, KEY, (None, 1, 5)))
    assert (found == found[:, :1]).all()
    assert (found != found[:, :, :1]).any()


def test_alpha_dropout_keeps_mean_and_variance():
    x = random.normal(OTHER, (400, 100))
    for rate in (0.1, 0.5):
        found = value(nn.alpha_dropout(x, rate, KEY))
        assert abs(found.mean()) < 0.03
        assert abs(found.std() - 1) < 0.03


def test_gaussian_noise():
    assert abs(value(nn.gaussian_dropout(ONES, 0.2, KEY)).std() - 0.5) < 0.02
    found = value(nn.gaussian_noise(leaf.zeros((20_000,)), 3.0, KEY))
    assert stats.kstest(found, stats.norm(0, 3).cdf).pvalue > 0.01


# fmt: off
WRONG = [
    (ArgumentError, "a rate is a probability", lambda: nn.dropout(ONES, 1.5, KEY)),
    (ArgumentError, "a rate is a probability", lambda: nn.dropout(ONES, -0.1, KEY)),
    (ArgumentError, "a rate is a probability", lambda: nn.alpha_dropout(ONES, "half", KEY)),
    (ArgumentError, "noise of gaussian_dropout", lambda: nn.gaussian_dropout(ONES, 1, KEY)),
    (ShapeError,    "one entry per axis",      lambda: nn.dropout(ONES, 0.5, KEY, (1,))),
    (ShapeError,    "cannot be broadcast",     lambda: nn.dropout(ONES, 0.5, KEY, (3, 1))),
]
# fmt: on


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function()
