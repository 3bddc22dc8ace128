"""Random numbers: known answers, reproducibility, distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from graphc.backends.reference.random import threefry
from graphc.errors import ArgumentError, DTypeError
from graphc.ops import leaf, random

from .values import value

KEY = random.key(2024)
ONES = 0xFFFFFFFF
# The known answers of Random123 for Threefry-2x32 with 20 rounds: key, counter, result.
# fmt: off
KNOWN = [
    ((0, 0),                   (0, 0),                   (0x6B200159, 0x99BA4EFE)),
    ((ONES, ONES),             (ONES, ONES),             (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]
# fmt: on


@pytest.mark.parametrize(("key", "counter", "wanted"), KNOWN)
def test_known_answers(key, counter, wanted):
    words = [np.array([w], np.uint32) for w in (*key, *counter)]
    assert tuple(int(w[0]) for w in threefry(*words)) == wanted


def test_the_counter_is_the_element_number():
    wide = value(random.random_bits(KEY, (3, 4)))
    flat = value(random.random_bits(KEY, (5,)))
    assert wide.ravel()[:5].tolist() == flat.tolist()
    assert value(random.random_bits(KEY, (0, 4))).shape == (0, 4)
    assert value(random.random_bits(KEY, ())) == flat[0]
    assert value(random.random_bits(random.key(0), ())) == 0x6B200159


def test_keys_differ_and_seeds_repeat():
    first, second = random.split(KEY)
    draws = [value(random.random_bits(k, (100,))) for k in (KEY, first, second)]
    assert len({tuple(d) for d in draws}) == 3
    again = value(random.random_bits(random.split(random.key(2024))[0], (100,)))
    assert again.tolist() == draws[1].tolist()
    assert value(random.key(2**40 + 7)).tolist() == [256, 7]
    steps = [value(random.fold_in(KEY, i)).tolist() for i in range(50)]
    assert len(set(map(tuple, steps))) == 50


N = 20_000
# fmt: off
DISTRIBUTIONS = [
    (random.uniform(KEY, (N,)),                      stats.uniform()),
    (random.uniform(KEY, (N,), -3, 5, "float64"),    stats.uniform(-3, 8)),
    (random.normal(KEY, (N,)),                       stats.norm()),
    (random.normal(KEY, (N,), 2.0, 0.5),             stats.norm(2, 0.5)),
    (random.truncated_normal(KEY, (N,), 1.0, 3.0),   stats.truncnorm(-2, 2, 1, 3)),
]
# fmt: on


@pytest.mark.parametrize(("draw", "distribution"), DISTRIBUTIONS)
def test_distributions(draw, distribution):
    assert stats.kstest(value(draw), distribution.cdf).pvalue > 0.01


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_stays_in_its_interval(dtype):
    found = value(random.uniform(KEY, (N,), dtype=dtype)).astype(float)
    assert found.min() >= 0
    assert found.max() < 1 or dtype in ("float16", "bfloat16")
    assert abs(found.mean() - 0.5) < 0.01


def test_whole_numbers_coins_and_orders():
    dice = value(random.randint(KEY, (N,), 1, 7))
    counts = np.bincount(dice, minlength=7)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 0.01
    assert abs(value(random.bernoulli(KEY, (N,), 0.3)).mean() - 0.3) < 0.01
    order = value(random.permutation(KEY, 101))
    assert sorted(order.tolist()) == list(range(101))
    assert order.tolist() != list(range(101))


def test_wrong_arguments():
    with pytest.raises(DTypeError, match="a key is uint32"):
        random.random_bits(leaf.zeros((2,)), (3,))
    with pytest.raises(ArgumentError, match="a seed is an int"):
        random.key(1.5)
    with pytest.raises(ArgumentError, match="low is below high"):
        random.randint(KEY, (3,), 2, 2)
