"""Matrix products in all forms: sizes that are awkward, symbolic sizes, epilogues, dtypes."""

from __future__ import annotations

import pytest
from contraction_forms import batched, gates, masked, matmul

from graphc import dtypes
from graphc.ir import dim

from .contract_runner import check

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


@pytest.mark.parametrize("epilogue", ["bias relu", "bias residual tanh", "sums", "bias sums"])
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


def test_batches_gates_and_prologues():
    check(lambda d: batched(3, 17, 9, 33, d))
    check(lambda d: batched(B, 5, 40, 7, d), {"batch": 3})
    check(lambda d: gates(B, 20, 33, d), {"batch": 17})
    check(lambda d: masked(B, 40, 33, d), {"batch": 17})
