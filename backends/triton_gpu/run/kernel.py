"""A loaded function: its code on the device, its arguments packed, its launch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, final

from graphc.backends.triton_gpu.device import Ready
from graphc.backends.triton_gpu.launch import Launch
from graphc.backends.triton_gpu.objects.binary import Binary
from graphc.errors import DeviceError

from .arguments import Arguments
from .driver import Handle, check, describe, driver, in_words, value

if TYPE_CHECKING:
    from .cuda import CudaDevice

STATIC_SHARED = 48 << 10
"""Bytes of shared memory that a program gets without asking."""


@final
class Kernel:
    """A function on a device; its code is unloaded when nobody holds this."""

    def __init__(self, device: CudaDevice, binary: Binary) -> None:
        cu = driver()
        self.binary, self._turn, self._queue = binary, device.turn, device.stream
        code, module = cu.cuModuleLoadData(binary.code)
        if code:
            raise _not_loaded(binary, code)
        self._module = module
        self.function = value(
            cu.cuModuleGetFunction(module, binary.name.encode()), f"there is no {binary.name}"
        )
        if binary.shared > STATIC_SHARED:
            attribute = cu.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            check(
                cu.cuFuncSetAttribute(self.function, attribute, binary.shared),
                f"{binary.name} cannot have {binary.shared} bytes of shared memory",
            )

    def __del__(self) -> None:
        if "_module" in vars(self):
            self._turn.retire(partial(_unload, driver(), self._module, self._queue))


def _unload(cu: ModuleType, module: Handle, stream: Handle) -> tuple[object, ...]:
    """Code that still runs is waited for."""
    cu.cuStreamSynchronize(stream)
    return cu.cuModuleUnload(module)


def ready(device: CudaDevice, launch: Launch, kernel: Kernel) -> Ready:
    """What launches a function."""
    arguments = Arguments(launch, kernel.binary)
    pack, address = arguments.pack, arguments.address
    start, function = driver().cuLaunchKernel, kernel.function
    threads, shared = 32 * kernel.binary.warps, kernel.binary.shared
    turn, scratch = device.turn, device.scratch(kernel.binary)
    held = kernel, arguments

    def go(grid: tuple[int, int, int], pointers: Sequence[int], sizes: Sequence[int]) -> None:
        x, y, z = grid
        if not x * y * z:
            return
        with turn:
            pack(pointers, sizes, scratch(x * y * z))
            (code,) = start(
                function, x, y, z, threads, 1, 1, shared, device.queue, address, 0
            )  # fmt: skip
            if code:
                raise _not_launched(launch, grid, code)
            device.seen(launch.function_name, held)

    return go


def _not_loaded(binary: Binary, code: object) -> DeviceError:
    cu = driver()
    version = in_words(value(cu.cuDriverGetVersion(), "the driver has no version"))
    return DeviceError(
        f"the driver cannot load {binary.name}",
        received=f"{describe(code, cu)}, from a driver for CUDA {version}",
        expected="a driver as new as the assembler that Triton brings",
        fix="install a newer driver, or an older triton: pip install 'triton==3.6.*'",
    )


def _not_launched(launch: Launch, grid: tuple[int, int, int], code: object) -> DeviceError:
    return DeviceError(
        f"{launch.function_name} cannot be launched",
        received=f"{describe(code, driver())}, for a grid of {grid}",
        expected="a grid of at most 2147483647 x 65535 x 65535 programs",
    )
