"""The source of one kernel of each family, as it was when somebody last looked at it.

To accept a change, delete
the file, run the test (it writes the file, and fails), and read the difference in git.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from contraction_forms import Conv, buffer, kernel
from llvm_cpu.map_cases import CASES

from graphc import dtypes
from graphc.backends.triton_gpu.bundle import plan_of
from graphc.backends.triton_gpu.kernels import emit, forms_of
from graphc.backends.triton_gpu.launch import Emitted
from graphc.backends.triton_gpu.source.ordered import emit_cumulative
from graphc.backends.triton_gpu.source.ordered_sort import emit_sort
from graphc.backends.triton_gpu.source.rows import gather_rows
from graphc.compiler import function
from graphc.ir.dim import named
from graphc.kernels.build import load, op, reduce, store
from graphc.kernels.kernel import Kernel
from graphc.ops.leaf import placeholder
from graphc.ops.random import uniform
from graphc.schedule.plan import CumulativeStep, SortStep, Storage

FOLDER = Path(__file__).parent / "golden"
N = named("n")


def memory(name: str, dtype: dtypes.DType = dtypes.float32) -> Storage:
    return Storage(name, dtype, (N, 100), "arena")


def sorting() -> Emitted:
    x, values, places = memory("x"), memory("values"), memory("places", dtypes.int64)
    return emit_sort(SortStep(x, values, places, 1, descending=False))


def running_sum() -> Emitted:
    return emit_cumulative(CumulativeStep("sum", memory("x"), memory("y"), 1, False, False))


def depthwise() -> Kernel:
    """A tap of one channel at a time: nothing for tensor cores."""
    conv = Conv(N, (8, 8), 32, 32, (3, 3), pad=1)
    w = load(buffer("w", 3, 3, 32), "t0", "t1", "co")
    x = load(buffer("x", N, 8, 8, 32), "b", *conv.x().index[1:3], "co", checked=(1, 2))
    total = reduce("sum", op("mul", x, w), ("t0", "t1"))
    axes = tuple(a for a in conv.axes() if a.name != "ci")
    return kernel("depthwise", axes, store(conv.y(), conv.y_index(), total))


def random_bits() -> Emitted:
    """Philox, counted: those of the CPU."""
    key = placeholder((2,), "uint32", name="key")
    f = function(key, uniform(key, (1000,)), target="reference")
    (form, *_) = forms_of(plan_of(f.program)).values()
    return Emitted(tuple(call.launch for call in form.calls))


FAMILIES = {
    "map": lambda: emit(CASES["gelu_affine"](N, 64)),
    "rows": lambda: emit(CASES["softmax"](N, 1000)),
    "columns": lambda: emit(CASES["batch_statistics"](N, 64)),
    "windows": lambda: emit(CASES["max_pool"](N, 16)),
    "windows_gradient": lambda: emit(CASES["max_pool_back"](N, 16)),
    "depthwise": lambda: emit(depthwise()),
    "random_bits": random_bits,
    "scatter": lambda: emit(CASES["scatter_sum"](N, 64)),
    "running_sum": running_sum,
    "sort": sorting,
    "gather_rows": lambda: Emitted((gather_rows(784),)),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_source(name):
    launches = FAMILIES[name]().launches
    text = "\n\n".join(f"# grid {k.grid}, {k.warps} warps\n{k.source}" for k in launches)
    golden = FOLDER / f"{name}.txt"
    if not golden.exists():
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden.name} was not there, and is written: look at it")
    assert text == golden.read_text(encoding="utf-8")
