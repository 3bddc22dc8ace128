"""The source of one kernel of each family, as it was when somebody last looked at it.

To accept a change, delete
the file, run the test (it writes the file, and fails), and read the difference in git.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from llvm_cpu.map_cases import CASES

from graphc import dtypes
from graphc.backends.triton_gpu.kernels import emit
from graphc.backends.triton_gpu.launch import Emitted
from graphc.backends.triton_gpu.source.ordered import emit_cumulative
from graphc.backends.triton_gpu.source.ordered_sort import emit_sort
from graphc.backends.triton_gpu.source.rows import gather_rows
from graphc.ir.dim import named
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


FAMILIES = {
    "map": lambda: emit(CASES["gelu_affine"](N, 64)),
    "rows": lambda: emit(CASES["softmax"](N, 1000)),
    "columns": lambda: emit(CASES["batch_statistics"](N, 64)),
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
