"""The whole matrix: every op, forward and backward, in every float dtype, and all casts."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.ir.node import Op

from ..op_cases import ELEMENTWISE, SAMPLES, casts_agree, values_of
from .nearness import FLOATS, compare

pytestmark = pytest.mark.gpu

REHEARSED = 6
"""Of this many cases the interpreter runs one."""
SAMPLE_NUMBER = {id(s): i for i, s in enumerate(SAMPLES)}


def rehearse(number: int, is_real: bool) -> None:
    """Leave a case out if this is a rehearsal and not its turn."""
    if not is_real and number % REHEARSED:
        pytest.skip("left out of a rehearsal")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: f"{s.op.name}: {s.label}")
def test_sample(sample, dtype, target, is_real):
    rehearse(SAMPLE_NUMBER[id(sample)] + FLOATS.index(dtype), is_real)
    compare(sample.call, sample.values, dtype, target)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_elementwise(op: Op, dtype, target, is_real):
    rehearse(ELEMENTWISE.index(op) + FLOATS.index(dtype), is_real)
    compare(op, values_of(op, (37, 29) if is_real else (7, 3)), dtype, target)


@pytest.mark.parametrize("source", dtypes.ALL, ids=str)
def test_cast(source, target):
    casts_agree(source, target)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [1, 127, 1024, 100_003])
def test_rows_of_many_sizes(size, dtype, target, is_real):
    """Reductions in parts: more than one program, sizes that are no multiples of anything."""
    if not is_real:
        size = min(size, 3001)
    values = np.random.default_rng(0).uniform(-1, 1, (3, size))
    compare(lambda x: (x.sum(-1), x.max(-1), x.mean((0, 1))), [values], dtype, target)
