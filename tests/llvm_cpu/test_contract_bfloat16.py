"""Contractions of bfloat16 near to float64 of the same numbers, in pairs and without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contraction_forms import Conv, axes, buffer, gates, matmul

from graphc.backends.llvm_cpu.contract.plan import plan_of
from graphc.backends.llvm_cpu.host import chosen, host
from graphc.dtypes import DType, bfloat16, float32, float64
from graphc.ir import dim
from graphc.kernels.build import load, op, reduce, store
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases

from .contract_runner import Compiled, check, inputs_of
from .map_runner import narrower

B = dim.named("batch")
FORMS = ("nn", "nt", "tn", "tt")
ROUNDED = 2.0**-8
"""Of the largest result: half a unit in the last place of bfloat16, twice."""
WITHOUT = host() if host().is_arm else replace(
    host(), features=host().features.replace("+avx512bf16", "-avx512bf16")
)  # fmt: skip
TARGETS = {"host": host(), "without": WITHOUT}
if host().lanes > 8:
    TARGETS["narrow"] = narrower(8)
pairs = pytest.mark.skipif(
    not host().has("avx512bf16"), reason="this machine has no products of bfloat16"
)


def product(m, n, k, form="nn", epilogue=""):
    def made(d: DType) -> Kernel:
        held = bfloat16 if d is float32 else None
        return matmul(m, n, k, form, d, held, epilogue)

    return made


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("m", "n", "k"), [(40, 64, 32), (7, 17, 9), (9, 5, 70), (B, 3, 64), (B, 37, 50), (30, 70, B)]
)
def test_products(form: str, m, n, k, target: str) -> None:
    compiled = Compiled(product(m, n, k, form)(float32), TARGETS[target])
    for batch in (1, 2, 33, 70):
        check(product(m, n, k, form), {"batch": batch}, compiled=compiled)


def test_long_sums_and_epilogues() -> None:
    check(product(33, 40, 3000), {})
    check(product(64, 64, 1024, "tn"), {})
    check(product(B, 64, 128, epilogue="bias relu"), {"batch": 50}, bound=ROUNDED)
    check(lambda d: gates(B, 24, 32, d), {"batch": 9})


CONVOLUTIONS = {
    "3x3": Conv(B, (9, 11), 16, 32, (3, 3), pad=1),
    "strided": Conv(B, (15, 14), 6, 20, (5, 5), 2, 2),
    "1x1": Conv(B, (7, 7), 32, 48, (1, 1)),
    "three channels": Conv(B, (16, 16), 3, 16, (7, 7), 2, 3),
    "one channel": Conv(B, (12, 12), 1, 32, (3, 3)),
    "dilated": Conv(B, (10, 10), 8, 8, (3, 3), pad=2, dilation=2),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("form", ["forward", "input_gradient", "weight_gradient"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name: str, form: str, target: str) -> None:
    conv = CONVOLUTIONS[name]

    def kernels(d: DType) -> tuple[Kernel, ...]:
        dtype = bfloat16 if d is float32 else d
        whole = getattr(replace(conv, dtype=dtype), form)()
        parts = split_phases(whole) if form == "input_gradient" else split_for_parallelism(whole)
        return parts or (whole,)

    for one, exact in zip(kernels(float32), kernels(float64), strict=True):
        if plan_of(one, TARGETS[target]) is None:
            continue
        both = {float32: one, float64: exact}
        compiled = Compiled(one, TARGETS[target])
        for batch in (1, 4):
            check(both.__getitem__, {"batch": batch}, compiled=compiled, bound=ROUNDED)


@pairs
def test_what_is_done_in_pairs() -> None:
    def uses(kernel: Kernel) -> bool:
        plan = plan_of(kernel, host())
        assert plan, "no contraction"
        return plan.of_pairs

    conv = replace(CONVOLUTIONS["3x3"], dtype=bfloat16)
    assert all(uses(product(B, 64, 32, form)(float32)) for form in FORMS)
    assert all(uses(product(8, 64, B, form)(float32)) for form in FORMS)
    assert uses(conv.forward())
    assert uses(conv.input_gradient())
    assert not uses(matmul(8, 64, 32, dtype=float32))
    assert not uses(matmul(8, 64, 32, dtype=float64))


def test_a_rounded_prologue_is_bfloat16() -> None:
    """Weights kept in float32 and rounded where they are used."""

    def made(d: DType) -> Kernel:
        held = bfloat16 if d is float32 else d
        a = load(buffer("a", B, 48, dtype=held), "m", "k")
        b = load(buffer("b", 48, 40, dtype=d), "k", "n")
        b = op("round_bfloat16", b, dtype=d) if d is float32 else b
        total = reduce("sum", op("mul", op("maximum", a, 0.0), b), "k")
        out = store(buffer("y", B, 40, dtype=d), ("m", "n"), total)
        return Kernel("prologue", axes(m=B, n=40, k=48), (out,))

    compiled = check(made, {"batch": 21}, bound=ROUNDED)
    plan = plan_of(compiled.kernel, chosen())
    assert plan
    assert plan.of_pairs == chosen().has("avx512bf16")


@pairs
def test_what_is_not_a_number_stays_where_it_is() -> None:
    kernel = product(5, 20, 33)(float32)
    arrays, compiled = inputs_of(kernel, {}), Compiled(kernel)
    arrays["a"][2, 4] = np.nan
    arrays["a"][3, 32] = np.inf
    compiled.run(arrays, {})
    assert np.isnan(arrays["y"][2]).all()
    assert np.isinf(arrays["y"][3]).all()
    assert np.isfinite(arrays["y"][[0, 1, 4]]).all()
