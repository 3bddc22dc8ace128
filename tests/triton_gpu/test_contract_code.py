"""What contractions become on two kinds of GPU, compiled in other processes, and how they read."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from contraction_forms import Conv, batched, gates, masked, matmul

from graphc import dtypes
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.launch import Launch
from graphc.backends.triton_gpu.source.contract import emit_contraction
from graphc.ir import dim
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases
from graphc.knobs import settings

from . import ptx

GOLDEN = Path(__file__).parent / "golden"
B = dim.named("batch")
F32, BF16, F16 = dtypes.float32, dtypes.bfloat16, dtypes.float16
IMAGES = Conv(B, (56, 56), 64, 64, (3, 3), pad=1, dtype=BF16)
FIRST = Conv(B, (224, 224), 3, 64, (7, 7), pad=3, stride=2, dtype=BF16)


def first(kernels: tuple[Kernel, ...] | None) -> Kernel:
    """The kernel of the products."""
    assert kernels
    return kernels[0]


# fmt: off
KERNELS = {
    "product":          lambda: matmul(4096, 4096, 4096, "nn", F32, BF16),
    "transposed":       lambda: matmul(1024, 512, 4096, "tt", F32, F16),
    "few columns":      lambda: matmul(B, 10, 128, "nn", F32, BF16, "bias"),
    "gates":            lambda: gates(B, 256, 256, BF16, 4),
    "batches":          lambda: batched(B, 128, 128, 64, BF16),
    "prologue":         lambda: masked(B, 512, 512, BF16),
    "sums":             lambda: replace(IMAGES, ci=128).forward("bias sums"),
    "forward":          lambda: IMAGES.forward("bias relu"),
    "weight gradient":  lambda: first(split_for_parallelism(IMAGES.weight_gradient(), GRAIN)),
    "input gradient":   lambda: first(split_phases(replace(IMAGES, stride=2).input_gradient())),
    "three channels":   lambda: FIRST.forward("bias relu"),
    "float32":          lambda: matmul(2048, 1024, 1024, "nn"),
    "tf32":             lambda: matmul(2048, 1024, 1024, "nt"),
}
# fmt: on


def launch_of(name: str) -> Launch:
    with settings(matmul_precision="tf32" if name == "tf32" else "float32"):
        made = emit_contraction(KERNELS[name]())
    assert made
    return made.launches[0]


@lru_cache(maxsize=1)
def facts() -> dict[tuple[str, int], ptx.Facts]:
    """All kernels for all chips, at once."""
    asked = [(name, chip) for name in KERNELS for chip in ptx.CHIPS]
    found = ptx.compiled([(launch_of(name), chip) for name, chip in asked])
    return dict(zip(asked, found, strict=True))


@pytest.mark.parametrize("chip", ptx.CHIPS)
@pytest.mark.parametrize("name", KERNELS)
def test_code_of_a_chip(name, chip):
    made = facts()[name, chip]
    assert made["spills"] == 0
    assert made["shared"] <= ptx.SHARED[chip]
    rows = launch_of(name).source.partition("ROWS: tl.constexpr = ")[2].partition("\n")[0]
    if name == "float32":
        assert made["matrix"] == []
    elif chip == 90 and int(rows) >= 64:
        assert made["matrix"] == ["wgmma.mma_async"]
    else:
        assert made["matrix"] == ["mma.sync"]


@pytest.mark.parametrize("name", ["product", "forward", "weight gradient", "sums"])
@pytest.mark.parametrize("chip", ptx.CHIPS)
def test_operands_are_copied_ahead_16_bytes_at_a_time(name, chip):
    assert facts()[name, chip]["copies"] == [16]


@pytest.mark.parametrize("name", ["product", "forward"])
def test_source(name):
    """Text of a plain product, and of a convolution with everything on."""
    assert launch_of(name).source == (GOLDEN / f"contract_{name}.txt").read_text(encoding="utf-8")
