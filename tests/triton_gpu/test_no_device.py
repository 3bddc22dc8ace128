"""What people read where there is no GPU to use: each in a process of its own."""

from __future__ import annotations

import pytest

ASK = """
from triton_gpu.fake import driver as fake
from graphc.backends.triton_gpu.run.cuda import cuda_device
{first}
try:
    cuda_device()
except {error} as error:
    print(error)
"""
ASK_WITHOUT = ASK.replace("from triton_gpu.fake import driver as fake", "")


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("fake.machine(0, 13000)", ["finds no GPU", "nvidia-smi", 'target="llvm_cpu"']),
        ("fake.machine(1, 11080)", ["too old", "one for CUDA 11.8", "CUDA 12.0 or newer"]),
        ("fake.fail('cuDevicePrimaryCtxRetain', 2)", ["cannot be used", "CUDA_ERROR_OTHER"]),
        ("fake.machine(1, 13000, 75)", ["no code is generated", "75"]),
    ],
)
def test_devices_that_do_not_do(python, first, words):
    program = ASK.format(first=first, error="(RuntimeError, ValueError)")
    said = python("-c", program)
    assert [word for word in words if word not in said] == []


def test_no_driver(python, tmp_path):
    for name in ("libcuda.so", "libcuda.so.1"):  # they hide a driver that is there
        (tmp_path / name).write_bytes(b"")
    program = ASK_WITHOUT.format(first="", error="RuntimeError")
    said = python("-c", program, driver=False, LD_LIBRARY_PATH=str(tmp_path))
    assert "there is no NVIDIA driver" in said
    assert "libcuda.so.1" in said


def test_cuda_bindings_are_not_installed(python):
    first = "import sys; sys.modules['cuda.bindings'] = None"
    said = python("-c", ASK_WITHOUT.format(first=first, error="ImportError"))
    assert "cuda-bindings is not installed" in said
    assert "graphc[gpu]" in said
