"""The schedule of chunks on paper."""

from __future__ import annotations

import pytest

from benchmarks.simulate import (
    CLAIM,
    Loop,
    chunk_seconds,
    claims,
    limiting,
    makespan,
    redivided,
    simulated,
    speedup,
)

EVEN = Loop("even", 16.0, 160, 16)
UNEVEN = Loop("uneven", 5.0, 5, 3)
ALONE = Loop("alone", 1.0, 7, 1)


@pytest.mark.parametrize("loop", [EVEN, UNEVEN, ALONE])
def test_chunks_are_all_the_work(loop):
    chunks = chunk_seconds(loop)
    assert len(chunks) == loop.chunks
    assert sum(chunks) == pytest.approx(loop.seconds)


@pytest.mark.parametrize(
    ("chunks", "threads", "end"),
    [([1, 1, 1, 1], 2, 2), ([1, 1, 1], 2, 2), ([1, 3, 1, 1], 2, 3), ([2, 1], 64, 2), ([], 3, 0)],
)
def test_whoever_is_free_takes_the_next(chunks, threads, end):
    assert makespan(chunks, threads) == end


@pytest.mark.parametrize(
    ("count", "threads", "sizes"),
    [(16, 2, [4, 3, 2, 1, 1, 1, 1, 1, 1, 1]), (16, 8, [1] * 16), (3, 1, [1, 1, 1]), (0, 2, [])],
)
def test_more_is_claimed_while_much_is_left(count, threads, sizes):
    assert claims([1.0] * count, threads) == sizes


def test_loops():
    exactly = {"rel": 1e-12}
    assert chunk_seconds(UNEVEN) == [1.0, 2.0, 2.0]
    assert simulated(EVEN, 4, 0.5) == pytest.approx(4.5 + 15 * CLAIM, **exactly)
    assert simulated(EVEN, 64, 0.5) == pytest.approx(1.5 + 16 * CLAIM, **exactly)
    assert simulated(redivided(EVEN, 64), 64, 0.5) == pytest.approx(0.8 + 64 * CLAIM, **exactly)
    assert simulated(ALONE, 64, 0.5) == simulated(redivided(ALONE, 64), 64, 0.5) == 1.0


def test_what_is_not_shared_limits():
    assert speedup([EVEN, ALONE], 16, 0.0) == pytest.approx(17 / 2, rel=1e-5)
    assert limiting([EVEN, ALONE], 16, 0.0)[0] == ("alone", pytest.approx(15 / 16 / 2, rel=1e-5))
