"""What only the driver has: memory that runs out, arrays of other libraries, the sanitizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphc as gx
from graphc import dtypes
from graphc.backends.triton_gpu.run.arrays import DeviceArray, from_foreign
from graphc.compiler import function
from graphc.errors import OutOfMemoryError

pytestmark = pytest.mark.gpu

SANITIZER = shutil.which("compute-sanitizer", path=f"{os.environ['PATH']}:/usr/local/cuda/bin")
SOME = "sum or conv or dot_general or sort or scatter_add or cumsum or softmax"


def test_more_memory_than_there_is(gpu):
    with pytest.raises(OutOfMemoryError, match=r"asked for(.|\n)*which are free of"):
        gpu.allocate(1 << 46)
    assert gpu.allocate(1 << 20).nbytes == 1 << 20


def test_a_function_that_needs_too_much_fails_and_the_process_goes_on(gpu, target):
    x = gx.placeholder((None,), name="x")
    n = 1 << 21
    rows = gx.reshape(x, (x.shape[0], 1)) * gx.ones((1, n))
    f = function(x, gx.sum(gx.sort(rows, axis=-1), -1), target=target)
    assert f(np.ones(2)).tolist() == [n, n]
    with pytest.raises(OutOfMemoryError, match="asked for"):
        f(np.ones(1 << 17))  # 1 TiB
    assert f(np.ones(3)).tolist() == [n, n, n]
    g = function(x, x + 1.0, target=target)
    assert g([1.0]).tolist() == [2.0]


class ForeignDLPack:
    def __init__(self, array: DeviceArray) -> None:
        self._array = array

    def __dlpack__(self, **given):
        return self._array.__dlpack__(**given)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class ForeignInterface:
    def __init__(self, array: DeviceArray) -> None:
        self.__cuda_array_interface__ = array.__cuda_array_interface__


def on_device(gpu, values: np.ndarray) -> DeviceArray:
    memory = gpu.allocate(values.nbytes)
    gpu.write(memory.address, values)
    return DeviceArray(values.shape, dtypes.as_dtype(values.dtype), gpu, memory.address, memory)


@pytest.mark.parametrize("wrap", [ForeignDLPack, ForeignInterface])
@pytest.mark.parametrize("dtype", ["float32", "int64", "float16", "bool", "uint8"])
def test_arrays_come_and_go_without_a_copy(gpu, wrap, dtype):
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    mine = on_device(gpu, values)
    back = from_foreign(wrap(mine), gpu)
    assert back is not None
    assert (back.address, back.shape, back.dtype) == (mine.address, mine.shape, mine.dtype)
    assert back.numpy().tolist() == values.tolist()


def test_arrays_of_a_gpu_feed_functions(gpu, target):
    x = gx.placeholder((3,), name="x")
    f = function(x, x * 2.0, target=target)
    assert f(on_device(gpu, np.arange(3, dtype=np.float32))).tolist() == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("wrap", [ForeignDLPack, ForeignInterface])
def test_functions_over_arrays_of_a_gpu(gpu, target, wrap):
    x = gx.placeholder((None,), name="x")
    f = function(x, x * 2.0, target=target, on_device=True)
    values = np.arange(1000, dtype=np.float32)
    mine = on_device(gpu, values)
    held = [f(wrap(mine)) for _ in range(5)]
    again = f(held[0])
    for _ in range(6):
        again = f(again)
    assert all(a.numpy().tolist() == (2 * values).tolist() for a in held)
    assert again.numpy().tolist() == (2**8 * values).tolist()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "int32"])
def test_arrays_of_pytorch(gpu, dtype):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    kind = dtypes.as_dtype(dtype).numpy
    theirs = torch.arange(12, dtype=getattr(torch, dtype), device="cuda").reshape(3, 4)
    taken = from_foreign(theirs, gpu)
    assert taken is not None
    assert taken.address == theirs.data_ptr()
    assert taken.numpy().astype(np.float64).tolist() == np.arange(12.0).reshape(3, 4).tolist()
    mine = on_device(gpu, np.arange(6).reshape(2, 3).astype(kind))
    given = torch.from_dlpack(mine)
    assert given.data_ptr() == mine.address
    given += 1
    torch.cuda.synchronize()
    assert mine.numpy().astype(np.float64).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.skipif(SANITIZER is None, reason="compute-sanitizer is not installed")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "initcheck"])
def test_sanitizer(gpu, tool):
    """Op tests in a process of their own; the sanitizer finds nothing in any kernel."""
    tests = Path(__file__).with_name("test_every_op.py")
    done = subprocess.run(
        [SANITIZER, "--tool", tool, "--error-exitcode", "99", "--target-processes", "all",
         sys.executable, "-m", "pytest", "-q", "-x", "-m", "gpu", "-p", "no:cacheprovider",
         "-k", f"test_sample and float32 and ({SOME})", str(tests)],
        capture_output=True, text=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "0 errors" in done.stdout, done.stdout[-1000:]
