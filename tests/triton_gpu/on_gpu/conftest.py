"""The target of these tests, how many of them there are, and the device itself."""

from __future__ import annotations

import pytest

import graphc as gx
from graphc.backends.triton_gpu.run.cuda import CudaDevice, cuda_device

GPU = "triton_gpu"


@pytest.fixture(scope="session")
def is_real(pytestconfig):
    """Whether there is a GPU, or else the interpreter, with fewer examples."""
    return pytestconfig.getoption("gpu_target") == GPU


@pytest.fixture(autouse=True)
def target(pytestconfig):
    """What is tested. Functions that name no target run there too."""
    name = pytestconfig.getoption("gpu_target")
    with gx.settings(target=name):
        yield name


@pytest.fixture
def gpu(is_real) -> CudaDevice:
    """The GPU."""
    if not is_real:
        pytest.skip("of the driver alone: the interpreter has nothing like it")
    return cuda_device()
