"""Matrix products in all forms: sizes that are awkward, symbolic sizes, epilogues, dtypes."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_forms import batched, gates, masked, matmul, run_oracle

from graphc import dtypes
from graphc.backends.llvm_cpu.contract import stream as contract_stream
from graphc.backends.llvm_cpu.contract.emit import emit_contraction
from graphc.backends.llvm_cpu.contract.plan import plan_of
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import chosen, host
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.nest import stream
from graphc.ir import dim

from .contract_runner import Compiled, check, compare, inputs_of
from .map_runner import narrower

B = dim.named("batch")
FORMS = ("nn", "nt", "tn", "tt")
SIZES = [(2, 2, 2), (3, 5, 0), (0, 7, 3), (13, 17, 3), (29, 10, 70), (31, 64, 33), (64, 100, 16)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("m", "n", "k"), SIZES)
def test_known_sizes(form, m, n, k):
    check(lambda d: matmul(m, n, k, form, d))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", range(3))
def test_one_code_for_every_value_of_a_symbolic_size(form, which):
    sizes = [23, 40, 21]
    sizes[which] = B
    compiled = None
    for batch in (0, 1, 7, 16, 33, 70):
        compiled = check(
            lambda d: matmul(*sizes, form, d), {"batch": batch}, compiled=compiled, chunks=(1, 5)
        )


EPILOGUES = ["bias relu", "bias residual tanh", "sums", "bias sums", "wide sums"]


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize(("m", "n"), [(21, 64), (B, 64), (B, 37)])
def test_epilogues(epilogue, m, n):
    for batch in (0, 1, 50):
        check(lambda d: matmul(m, n, 19, "nn", d, epilogue=epilogue), {"batch": batch})


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
@pytest.mark.parametrize("storage", [None, dtypes.bfloat16, dtypes.float16])
@pytest.mark.parametrize("form", FORMS)
def test_dtypes(dtype, storage, form):
    held = storage if dtype is dtypes.float32 else None
    check(lambda d: matmul(B, 40, 33, form, d, held if d is dtype else None), {"batch": 17}, dtype)


@pytest.mark.parametrize("many", [2, 3, 4])
def test_gates(many):
    check(lambda d: gates(B, 20, 33, d, many), {"batch": 17})


def test_batches_and_prologues():
    check(lambda d: batched(3, 17, 9, 33, d))
    check(lambda d: batched(B, 5, 40, 7, d), {"batch": 3})
    check(lambda d: masked(B, 40, 33, d), {"batch": 17})


@pytest.mark.parametrize("lanes", [8, 4])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [10, 17, 64])
def test_narrower_machines(form, n, lanes):
    check(lambda d: matmul(B, n, 33, form, d), {"batch": 29}, target=narrower(lanes))


TILES = [
    Tile(1, 1, 1, 1),
    Tile(1, 5, 3, 3, 2, (("m", 10),)),
    Tile(1, 7, 2, 4, 1, (("k", 8), ("m", 14))),
    Tile(1, 4, 4, 4, 5, (("k", 33), ("m", 9))),
]


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("m", [29, B])
def test_every_way_of_cutting_means_the_same(tile, form, m):
    def kernel(dtype):
        return matmul(m, 70, 33, form, dtype, epilogue="bias sums")

    for batch in (29, 1):
        check(kernel, {"batch": batch}, tile=tile, chunks=(1, 3))


ALONG = [("nn", "k"), ("nt", "k"), ("tn", "m"), ("tt", "m")]
CUT = (("k", 50), ("m", 20))


@pytest.mark.parametrize("n", [2, 3, 5, 8, 13])
@pytest.mark.parametrize(("m", "k"), [(29, 33), (B, 100), (7, B)])
@pytest.mark.parametrize(("form", "along"), ALONG)
def test_few_columns_have_lanes_along_the_sum_or_along_the_rows(form, along, m, k, n):
    if along == "m" and n > chosen().lanes:
        pytest.skip("vectors along the rows are turned, so they are no shorter than the columns")
    for tile in (Tile(1, 3, 1, along=along), Tile(1, 2, 1, spans=CUT, along=along)):
        check(
            lambda d: matmul(m, n, k, form, d, epilogue="bias sums"),
            {"batch": 41}, tile=tile, chunks=(1, 3),
        )  # fmt: skip


@pytest.mark.parametrize(("form", "along"), [("nn", "k"), ("nt", "k"), ("tn", "m"), ("nn", "n")])
def test_which_way_lanes_run(form, along):
    n = 64 if along == "n" else 3
    plan = plan_of(matmul(B, n, 200, form), host())
    assert plan is not None
    assert plan.tile.along == along


def one_row(d):
    return matmul(1, 40, 30, "nn", d)


def one_column(d):
    return matmul(40, 1, 30, "nn", d)


def integers(_):
    return matmul(4, 5, 6, "nn", dtypes.int32)


@pytest.mark.parametrize("form", [one_row, one_column, integers])
def test_declined(form):
    kernel = form(dtypes.float32)
    assert emit_contraction(Module(host()), kernel, host()) is None


@pytest.mark.parametrize("offset", [0, 1])
def test_large_results_are_stored_past_the_caches_where_they_are_aligned(offset, monkeypatch):
    monkeypatch.setattr(stream, "STREAMED_BYTES", 1 << 12)
    monkeypatch.setattr(contract_stream, "LEAST_ROW_BYTES", 1)
    monkeypatch.setattr(stream.may_be_large, "__defaults__", (1,))
    compiled = Compiled(matmul(B, 64, 33, epilogue="bias"))
    assert "!nontemporal" in compiled.text
    for batch in (3, 16, 50):
        arrays = inputs_of(compiled.kernel, sizes := {"batch": batch})
        want = run_oracle([compiled.kernel], arrays, sizes)["y"]
        memory = np.zeros(want.nbytes + 128, np.uint8)
        start = -memory.ctypes.data % 64 + 4 * offset
        arrays["y"] = memory[start : start + want.nbytes].view(np.float32).reshape(want.shape)
        compiled.run(arrays, sizes, 3)
        compare("y", arrays["y"], want, 1e-5)
