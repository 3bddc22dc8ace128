"""Random kernels: native code and NumPy agree, with the same bits for any number of chunks."""

from __future__ import annotations

import pytest

from graphc.kernels.printer import show

from .map_runner import check
from .random_kernels import RandomKernel

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

TENS = range(30)


@pytest.mark.parametrize("ten", TENS)
def test_random_kernels(ten: int) -> None:
    for seed in range(10 * ten, 10 * ten + 10):
        drawn = RandomKernel(seed)
        try:
            check(drawn.kernel, drawn.sizes, drawn.inputs, 2e-4, (1, 3))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {drawn.sizes}\n{show(drawn.kernel)}") from error
