"""Long phases run in parts: every kind of step gives the same bits, in however many parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gx
from graphc.backends.llvm_cpu.run import words
from graphc.backends.llvm_cpu.run.words import Share, Sizes
from graphc.ir.tree import leaves

STEPS: dict[str, Callable[[gx.Tensor], object]] = {
    "map": lambda x: gx.tanh(x),
    "sum": lambda x: gx.sum(x),
    "sums of rows": lambda x: gx.sum(x, 1),
    "matmul": lambda x: gx.matmul(x, gx.transpose(x)),
    "convolution": lambda x: gx.conv1d(gx.expand_dims(x, 2), gx.constant(np.ones((3, 1, 5), "f"))),
    "sort": lambda x: gx.sort(x, axis=1),
    "sort of columns": lambda x: gx.sort(x, axis=0),
    "running sum": lambda x: gx.cumsum(x, 1),
    "loop": lambda x: gx.scan(lambda c, row: (c + row, c), x[0], x),
}


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("shape", [(1, 3), (3, 7), (37, 131), (257, 67)])
def test_bits_do_not_depend_on_parts(
    kind: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = gx.placeholder(("n", "m"), name="x")
    data = np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    def answer() -> list[bytes]:
        results = gx.function([x], STEPS[kind](x))(data)
        return [a.tobytes() for a in leaves(results)]

    whole = answer()
    monkeypatch.setattr(words, "SMALLEST_SHARED", 1)
    for longest in (1, 100, 10_000):
        monkeypatch.setattr(words, "LONGEST_PART", longest)
        assert answer() == whole


@pytest.mark.parametrize("work", [0, 10**5, 10**6, 10**10, 10**12, 10**30])
@pytest.mark.parametrize("items", [0, 1, 15, 16, 17, 1000, 10**12])
def test_parts_have_equally_many_chunks_and_their_share_of_the_work(work: int, items: int) -> None:
    known = Sizes({})
    parts = known.word(Share(items, work, "parts"))
    chunks = known.word(Share(items, work, "chunks"))
    assert known.word(Share(items, work, "all chunks")) == parts * chunks <= max(1, items)
    assert parts * chunks < 2**31
    assert 1 <= chunks <= words.MOST_CHUNKS
    assert known.word(Share(items, work, "work")) == min(work // parts, (1 << 62) - 1)
