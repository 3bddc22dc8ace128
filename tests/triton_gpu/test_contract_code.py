"""What contractions become on two kinds of GPU, compiled in other processes, and how they read."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from contraction_forms import Conv, batched, gates, masked, matmul

from graphc import dtypes
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.launch import Launch
from graphc.backends.triton_gpu.objects.compile import listing, listings, resources
from graphc.backends.triton_gpu.source.contract import candidates, emit_contraction
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.ir import dim
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases
from graphc.knobs import settings

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Triton is there for Linux only"),
    pytest.mark.usefixtures("kept_kernels"),
]
GOLDEN = Path(__file__).parent / "golden"
B = dim.named("batch")
F32, F64, BF16, F16 = dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.float16
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
    "float64":          lambda: matmul(2048, 1024, 1024, "nt", F64),
    "float64 forward":  lambda: replace(IMAGES, dtype=F64).forward("bias sums"),
}
LISTED = ("product", "few columns", "sums", "forward", "weight gradient", "tf32")
# fmt: on
CHIPS = {80: 166_912, 90: 232_448}
"""Bytes of shared memory that one program may have."""
COPIES = re.compile(r"cp\.async\.\w+\.shared\S* +\[[^]]*\], *\[[^]]*\], *(0x\w+|\d+)")
"""The bytes of an asynchronous copy to shared memory."""


def launch_of(name: str) -> Launch:
    with settings(matmul_precision="tf32" if name == "tf32" else "float32"):
        return emitted(KERNELS[name]())


def emitted(kernel: Kernel, tile: ProductTile | None = None) -> Launch:
    """The launch of the products."""
    made = emit_contraction(kernel, tile=tile)
    assert made
    return made.launches[0]


@pytest.mark.parametrize("cc", [pytest.param(80, marks=pytest.mark.slow), 90])
def test_resources(cc):
    for used in resources([launch_of(name) for name in KERNELS], cc):
        assert used.spills == 0
        assert used.shared <= CHIPS[cc]


@pytest.mark.parametrize("cc", CHIPS)
def test_instructions(cc):
    launches = {name: launch_of(name) for name in LISTED}
    texts = dict(zip(launches, listings(list(launches.values()), cc), strict=True))
    for name, text in texts.items():
        products = {"mma.sync": "mma.sync." in text, "wgmma": "wgmma.mma_async." in text}
        tall = "ROWS: tl.constexpr = 128" in launches[name].source
        assert products == {"mma.sync": cc == 80 or not tall, "wgmma": cc == 90 and tall}, name
        copies = {int(x, 0) for x in COPIES.findall(text)}
        assert copies == ({4, 16} if name == "few columns" else {16}), name


def test_float32_is_multiplied_as_it_is():
    text = listing(launch_of("float32"), 90)
    assert "fma.rn.f32" in text
    assert "mma" not in text


@pytest.mark.parametrize("cc", CHIPS)
def test_float64_is_multiplied_by_tensor_cores(cc):
    text = listing(launch_of("float64"), cc)
    assert "mma.sync.aligned" in text
    assert "f64.f64.f64.f64" in text
    assert "fma.rn.f64" not in text


COPIED = ("product", "sums", "weight gradient", "input gradient")


@pytest.mark.parametrize("programs", [0, 132])
def test_descriptors(programs):
    """Nothing but copies of tiles, into products that read them where they are; no spills."""
    launches = {}
    for name in ("sums",) if programs else COPIED:
        kernel = KERNELS[name]()
        tiles = [t for t in candidates(kernel, processors=132) if t.maps]
        made = [emitted(kernel, t) for t in tiles if t.programs == programs]
        launches[name] = max(made, key=lambda launch: len(launch.maps))
        assert len(launches[name].maps) == 2, name
    texts = listings(list(launches.values()), 90)
    for used, text in zip(resources(list(launches.values()), 90), texts, strict=True):
        name = used.function_name
        assert used.spills == 0, name
        assert used.shared <= CHIPS[90], name
        assert "cp.async.bulk.tensor" in text, name
        assert "wgmma.mma_async" in text, name
        assert not COPIES.findall(text), name


def test_chips_without_descriptors_are_not_given_any():
    kernel = KERNELS["product"]()
    tile = next(t for t in candidates(kernel, processors=132) if t.maps)
    with pytest.raises(AssertionError, match="no descriptors"):
        listing(emitted(kernel, tile), 80)


@pytest.mark.parametrize("name", ["product", "forward"])
def test_source(name):
    """Text of a plain product, and of a convolution with everything on."""
    assert launch_of(name).source == (GOLDEN / f"contract_{name}.txt").read_text(encoding="utf-8")


def test_source_with_descriptors():
    """Boxes of every second pixel, in programs that last."""
    kernel = replace(IMAGES, stride=2).forward("bias relu")
    tile = ProductTile(128, 64, 64, 4, 3, maps=True, programs=132)
    wanted = (GOLDEN / "contract_copied.txt").read_text(encoding="utf-8")
    assert emitted(kernel, tile).source == wanted
