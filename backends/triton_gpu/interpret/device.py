"""A device that is the host: memory of NumPy, launches in Triton's interpreter, one by one."""

from __future__ import annotations

import ctypes
import itertools
import linecache
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast, final

import numpy as np

from graphc.backends.triton_gpu.device import Ready
from graphc.backends.triton_gpu.launch import Launch, TensorMap
from graphc.dtypes import DType
from graphc.ir.dim import evaluate

from .load import interpreter

ALIGN = 256
CPU = 1
"""DLPack's number."""
_GPU = "from triton.language.extra import libdevice"
_HOST = "from graphc.backends.triton_gpu.interpret import libdevice"


@final
class HostMemory:
    """Bytes of the host."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._room = np.zeros(nbytes + ALIGN, np.uint8)
        self.address = -(-self._room.ctypes.data // ALIGN) * ALIGN


@final
class InterpretDevice:
    """What `device.Device` asks for; everything is done when a method returns."""

    name = "Triton's interpreter"
    place: tuple[int, int] = (CPU, 0)
    stream: int | None = None
    processors, has_maps = 1, True

    def allocate(self, nbytes: int) -> HostMemory:
        """New memory, all zeros."""
        return HostMemory(nbytes)

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy an array to an address."""
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def read(self, address: int, array: np.ndarray) -> None:
        """Fill an array from an address."""
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy between two places."""
        ctypes.memmove(target, source, nbytes)

    def prepare(self, launches: Sequence[Launch]) -> list[Ready]:
        """The functions, read by the interpreter."""
        return list(map(interpreted, launches))

    def spills(self, _launch: Launch) -> int:
        """There are no registers."""
        return 0

    def record(self, run: Callable[[], None]) -> Callable[[], None]:
        """The same each time."""
        return run

    def seconds(self, run: Callable[[], None]) -> float:
        """How long the interpreter takes, which says nothing about a GPU."""
        begin = time.perf_counter()
        run()
        return time.perf_counter() - begin

    def wait(self) -> None:
        """Nothing is ever under way."""

    def after(self, stream: int | None, *, first: int | None) -> None:
        """Everything is done before."""

    def hold(self, owners: Sequence[object]) -> None:
        """Nothing reads them any more."""

    def retire(self, end: Callable[[], object]) -> None:
        """At once."""
        end()


class Element(str):
    """A dtype in the interpreter's words."""

    itemsize: int


def element(dtype: DType) -> Element:
    """The name and the bytes of a dtype."""
    made = Element("int1" if dtype.name == "bool" else dtype.name)
    made.itemsize = dtype.itemsize
    return made


@final
class HostPointer:
    """What the interpreter asks of an array argument: an address and the name of a dtype. Moving it
    to the host and back is for memory that is elsewhere."""

    __slots__ = ("_address", "dtype")

    def __init__(self, address: int, dtype: DType) -> None:
        self._address = address
        self.dtype = element(dtype)

    def data_ptr(self) -> int:
        """The address."""
        return self._address

    def untyped_storage(self) -> HostPointer:
        """Itself: the memory is on the host."""
        return self

    cpu = untyped_storage

    def new_empty(self, *_: object, **__: object) -> HostPointer:
        """Itself."""
        return self

    set_ = copy_ = new_empty

    def storage_offset(self) -> int:
        """None."""
        return 0

    def size(self) -> tuple[int, ...]:
        """No shape."""
        return ()

    stride = size


class Kernel(Protocol):
    """A function of the interpreter: `kernel[grid](*arguments)`."""

    def __getitem__(self, grid: tuple[int, int, int]) -> Callable[..., None]: ...


_numbers = itertools.count(1)


def interpreted(launch: Launch) -> Ready:
    """A launch that runs in the interpreter."""
    interpreter()
    function = _function(launch.function_name, launch.source)
    maps = {found.pointer: found for found in launch.maps}

    def run(grid: tuple[int, int, int], addresses: Sequence[int], sizes: Sequence[int]) -> None:
        if 0 in grid:
            return
        known = dict(zip(launch.sizes, sizes, strict=True))
        pointers: list[object] = []
        for (name, dtype), address in zip(launch.pointers, addresses, strict=True):
            here = HostPointer(address, dtype)
            pointers.append(tiles_at(here, maps[name], known) if name in maps else here)
        with np.errstate(all="ignore"):
            function[grid](*pointers, *sizes)

    return run


def tiles_at(base: HostPointer, given: TensorMap, sizes: Mapping[str, int]) -> object:
    """A descriptor for the interpreter, which knows no arrays without elements."""
    shape = [max(1, evaluate(n, sizes)) for n in given.shape]
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    return interpreter().TensorDescriptor(base, shape, strides, list(given.block))


def _function(name: str, source: str) -> Kernel:
    """The function of a source text, which the interpreter wants to read again."""
    text = source.replace(_GPU, _HOST)
    file = f"<graphc kernel {name} {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, object] = {"__name__": f"graphc_kernel_{name}"}
    exec(compile(text, file, "exec"), scope)  # our own text: generated a moment ago
    return cast(Kernel, scope[name])
