"""500 random graphs, each with the data of its seed, beside the reference."""

from __future__ import annotations

import numpy as np
import pytest
from differential.random_graphs import random_graph
from differential.test_backends import NAMES, tolerance_of

from graphc.compiler import function

pytestmark = pytest.mark.gpu

COUNT, BLOCK = 500, 10
REHEARSED = 1
"""How many of a block the interpreter runs, of every tenth block."""


@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_graphs(first, target, is_real):
    if not is_real and first % (10 * BLOCK):
        pytest.skip("left out of a rehearsal")
    for seed in range(first, first + (BLOCK if is_real else REHEARSED)):
        check(seed, target)


def check(seed: int, target: str) -> None:
    case = random_graph(seed)
    wanted = function(case.inputs, case.outputs, target="reference", disable=NAMES)(*case.data)
    found = function(case.inputs, case.outputs, target=target)(*case.data)
    tolerance = tolerance_of(case)
    for t, a, b in zip(case.outputs, wanted, found, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), f"seed {seed}, {t.name}"
        np.testing.assert_allclose(
            b.astype(np.float64), a.astype(np.float64), rtol=tolerance, atol=tolerance,
            err_msg=f"seed {seed}, {t.name}",
        )  # fmt: skip
