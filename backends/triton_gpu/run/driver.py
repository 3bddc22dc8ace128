"""The CUDA driver: opened once, its answers checked, its errors as ours."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TypeVar

from graphc.errors import DeviceError, MissingExtraError

LEAST_VERSION = 12000
"""CUDA 12.0: memory pools, graphs, and code of later toolkits of the same major version."""
OUT_OF_MEMORY, NO_DEVICE = 2, 100

T = TypeVar("T")
Handle = int
"""What the driver calls things by: streams, events, graphs, modules."""


@cache
def driver() -> ModuleType:
    """The driver's functions; each answers an error code and its results.

    Raises:
        MissingExtraError: cuda-bindings is not installed.
        DeviceError: there is no driver, none that is new enough, or no GPU.
    """
    try:
        from cuda.bindings import driver as found
    except ImportError:
        raise MissingExtraError(
            "cuda-bindings is not installed", fix='pip install "graphc[gpu]"'
        ) from None
    _open(found)
    return found


def _open(cu: ModuleType) -> None:
    try:
        (code,) = cu.cuInit(0)
    except RuntimeError as error:  # the library cannot be loaded
        raise DeviceError(
            "there is no NVIDIA driver",
            received=str(error),
            expected="libcuda.so.1, which comes with the driver",
            fix='install the driver, or use target="llvm_cpu"',
        ) from None
    if code == NO_DEVICE:
        raise _no_device("the driver finds no GPU")
    check((code,), "the driver cannot be started", cu)
    version = value(cu.cuDriverGetVersion(), "the driver has no version", cu)
    if version < LEAST_VERSION:
        raise DeviceError(
            "the NVIDIA driver is too old",
            received=f"one for CUDA {in_words(version)}",
            expected=f"CUDA {in_words(LEAST_VERSION)} or newer",
            fix="install a newer driver",
        )
    if value(cu.cuDeviceGetCount(), "the driver cannot count GPUs", cu) == 0:
        raise _no_device("the driver finds no GPU")


def _no_device(problem: str) -> DeviceError:
    return DeviceError(
        problem,
        expected="a GPU that nvidia-smi lists and CUDA_VISIBLE_DEVICES does not hide",
        fix='use target="llvm_cpu"',
    )


def in_words(version: int) -> str:
    """The driver's number of a version of CUDA: 12080 is 12.8."""
    return f"{version // 1000}.{version % 1000 // 10}"


def check(result: tuple[object], problem: str, cu: ModuleType | None = None) -> None:
    """See that a call of the driver has done what it should.

    Raises:
        DeviceError: it failed; `problem` says what then does not work.
    """
    if result[0]:
        raise DeviceError(problem, received=describe(result[0], cu or driver()))


def value(result: tuple[object, T], problem: str, cu: ModuleType | None = None) -> T:
    """What such a call answers.

    Raises:
        DeviceError: it failed.
    """
    check(result[:1], problem, cu)
    return result[1]


def describe(code: object, cu: ModuleType) -> str:
    """An error code in the driver's words."""
    try:
        name, text = (cu.cuGetErrorName(code)[1], cu.cuGetErrorString(code)[1])
        return f"{name.decode()}: {text.decode()}"
    except (AttributeError, RuntimeError):  # a code that the driver does not know, or none at all
        return f"error {code}"
