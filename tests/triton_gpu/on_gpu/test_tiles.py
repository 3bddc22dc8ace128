"""Every tile that a measurement may choose computes the same: addresses, descriptors, programs that
last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contraction_forms import Conv, batched, matmul

from graphc import dtypes
from graphc.backends.triton_gpu.device import Device
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.interpret.device import InterpretDevice
from graphc.backends.triton_gpu.launch import Emitted
from graphc.backends.triton_gpu.run.cuda import cuda_device
from graphc.backends.triton_gpu.source.contract import candidates
from graphc.errors import CompileError
from graphc.ir import dim
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases
from triton_gpu.contract_runner import emitted, launches_of, near

pytestmark = pytest.mark.gpu

B = dim.named("batch")
F32, F64, BF16, F16 = dtypes.float32, dtypes.float64, dtypes.bfloat16, dtypes.float16
IMAGES = Conv(B, (14, 14), 64, 128, (3, 3), pad=1)
SMALL = Conv(B, (4, 4), 16, 32, (3, 3), pad=1)


def convolution(form, **changes):
    """All kernels of a form of a convolution, for a dtype and a size."""

    def kernels(dtype, is_real):
        conv = replace(IMAGES if is_real else SMALL, dtype=dtype, **changes)
        whole = getattr(conv, form)()
        if form == "input_gradient":
            return split_phases(whole) or (whole,)
        return split_for_parallelism(whole, GRAIN) if form == "weight_gradient" else (whole,)

    return kernels


def product(form):
    return lambda dtype, is_real: (matmul(B, *((1000, 520) if is_real else (40, 48)), form, dtype),)


# fmt: off
FORMS = {
    "nn":                      product("nn"),
    "nt":                      product("nt"),
    "tn":                      product("tn"),
    "batches":                 lambda d, is_real: (batched(B, 40, 72, 64 if is_real else 16, d),),
    "forward":                 convolution("forward"),
    "input gradient":          convolution("input_gradient"),
    "weight gradient":         convolution("weight_gradient"),
    "forward, stride":         convolution("forward", stride=2),
    "input gradient, stride":  convolution("input_gradient", stride=2),
    "weight gradient, stride": convolution("weight_gradient", stride=2),
}
# fmt: on


@pytest.mark.parametrize("dtype", [F32, BF16, F16, F64], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_every_tile(form, dtype, is_real):
    device = cuda_device() if is_real else InterpretDevice()
    kernels = FORMS[form](dtype, is_real)
    exact = FORMS[form](F64, is_real)
    tiles = candidates(kernels[0], device.processors if device.has_maps else 0)
    assert tiles
    for tile in tiles if is_real else (tiles[0], tiles[-1]):
        made = [emitted(kernels[0], tile), *map(launches_of, kernels[1:])]
        if fits(device, made[0]):
            near(kernels, exact, made, {"batch": 65 if is_real else 2}, device=device)


def fits(device: Device, made: Emitted) -> bool:
    """Whether the device has the shared memory: what has not is never chosen."""
    try:
        device.prepare(made.launches)
    except CompileError as error:
        if "shared memory" not in str(error):
            raise
        return False
    return True
