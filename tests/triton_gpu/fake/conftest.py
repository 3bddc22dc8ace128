"""Every check ends with nothing to complain of, and nothing left behind."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.triton_gpu.run.arrays import DeviceArray
from graphc.backends.triton_gpu.run.cuda import cuda_device
from triton_gpu import sources
from triton_gpu.fake import driver


@pytest.fixture(scope="session")
def gpu():
    return cuda_device()


@pytest.fixture(autouse=True)
def nothing_wrong(gpu):
    yield
    gc.collect()
    gpu.wait()
    assert driver.complaints() == []
    for what in ("memory", "bytes", "graphs"):
        assert driver.count(what) == 0, what
    assert {what: driver.count(what) for what in driver.OUR_OWN} == driver.OUR_OWN


@pytest.fixture(scope="session")
def kernels(gpu):
    launches = [sources.copy(), sources.row_sum(), sources.matmul(), sources.copy(wide=True)]
    return dict(zip(("copy", "row_sum", "matmul", "wide"), gpu.prepare(launches)))


@pytest.fixture
def array(gpu):
    """Memory with an array in it."""

    def make(values):
        values = np.ascontiguousarray(values)
        made = gpu.allocate(values.nbytes)
        gpu.write(made.address, values)
        return made

    return make


@pytest.fixture
def ours(gpu, array):
    """Makes an array of graphc's own on the device."""

    def make(values):
        memory = array(values)
        dtype = dtypes.as_dtype(values.dtype)
        return DeviceArray(values.shape, dtype, gpu, memory.address, memory)

    return make
