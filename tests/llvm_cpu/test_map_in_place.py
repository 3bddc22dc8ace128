"""Outputs in the memory of inputs, wherever `may_overwrite` allows it."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dim import named
from graphc.kernels.evaluate import evaluate
from graphc.kernels.kernel import Kernel, Load
from graphc.kernels.levels import may_overwrite
from graphc.kernels.printer import show
from graphc.kernels.walk import buffers_of, roots_of, walk

from .map_cases import CASES, inputs_for
from .map_runner import Arrays, Compiled, arrays_for, compare
from .numpy_meaning import MEANING
from .random_kernels import RandomKernel

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def shared(kernel: Kernel) -> dict[str, str]:
    """Outputs -> inputs whose memory they take, each input at most once."""
    stored = {s.buffer.name for s in kernel.stores}
    found: dict[str, str] = {}
    for s in kernel.stores:
        for b in buffers_of(kernel):
            alike = b.dtype is s.buffer.dtype and b.shape == s.buffer.shape
            free = b.name not in stored and b.name not in found.values()
            if alike and free and s.buffer.name not in found and may_overwrite(kernel, s, b.name):
                found[s.buffer.name] = b.name
    return found


def run_shared(kernel: Kernel, sizes: dict[str, int], inputs: Arrays) -> int:
    """Compare with the meaning; answers how many outputs shared memory."""
    places = shared(kernel)
    if not places or any(a.part for a in kernel.axes):
        return 0  # parts that are missing are not written, so what was there differs
    want = arrays_for(kernel, sizes, inputs)
    got = arrays_for(kernel, sizes, inputs)
    for output, source in places.items():
        got[output] = got[source]
    evaluate(kernel, want, sizes, MEANING)
    Compiled(kernel).run(got, sizes, 3)
    for s in kernel.stores:
        compare(s.buffer.name, got[s.buffer.name], want[s.buffer.name], 2e-4)
    return len(places)


@pytest.mark.parametrize("name", CASES)
def test_cases_in_place(name: str) -> None:
    kernel = CASES[name](named("n"), named("c"))
    run_shared(kernel, {"n": 19, "c": 33}, inputs_for(name, 19, 33))


def test_most_maps_can_work_in_place() -> None:
    names = ("gelu_affine", "softmax", "layer_norm", "cross_entropy", "dropout", "optimizer")
    assert all(shared(CASES[n](named("n"), named("c"))) for n in names)


def test_what_is_read_elsewhere_is_not_overwritten() -> None:
    for name in ("crossed", "transposed", "batch_statistics"):
        kernel = CASES[name](16, 16)
        loads = [e for e in walk(roots_of(kernel)) if isinstance(e, Load)]
        assert not may_overwrite(kernel, kernel.stores[0], loads[0].buffer.name)


def test_random_kernels_in_place() -> None:
    count = 0
    for seed in range(80):
        drawn = RandomKernel(seed, twins=True)
        try:
            count += run_shared(drawn.kernel, drawn.sizes, drawn.inputs)
        except AssertionError as error:
            text = f"seed {seed}, {shared(drawn.kernel)}, {drawn.sizes}\n{show(drawn.kernel)}"
            raise AssertionError(text) from error
    assert count > 10


def test_an_output_may_be_kept() -> None:
    """A store that combines onto what its buffer holds."""
    kernel = CASES["scatter_max"](named("n"), 20)
    assert kernel.stores[0].keep
    inputs = inputs_for("scatter_max", 7, 20)
    before = arrays_for(kernel, {"n": 7}, inputs)["table"].copy()
    got = arrays_for(kernel, {"n": 7}, inputs)
    Compiled(kernel).run(got, {"n": 7})
    assert (got["table"] >= before).all()
    untouched = np.setdiff1d(np.arange(30), inputs["ids"])
    np.testing.assert_array_equal(got["table"][untouched], before[untouched])
