"""Arrays in the memory of a device, shared with other libraries without a copy.

torch.from_dlpack(array), cupy.from_dlpack(array)      ours for others
from_foreign(tensor, device)                           theirs for us

Streams are those of a GPU; the interpreter's memory is that of the host, where nobody waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Protocol, final, runtime_checkable

import numpy as np

from graphc.backends.triton_gpu.device import Device
from graphc.dtypes import DType, as_dtype, bfloat16
from graphc.errors import ArgumentError, DTypeError, FeedError

from . import dlpack

_LEGACY_STREAM, _NO_STREAM = 1, -1


@runtime_checkable
class HasDLPack(Protocol):
    """An array of any library that speaks DLPack."""

    def __dlpack__(self, *, stream: int | None) -> object: ...

    def __dlpack_device__(self) -> tuple[int, int]: ...


@runtime_checkable
class HasInterface(Protocol):
    """An array of any library that speaks Numba's protocol."""

    @property
    def __cuda_array_interface__(self) -> dict[str, object]: ...


@runtime_checkable
class OnHost(Protocol):
    """An array of the host's memory."""

    @property
    def __array_interface__(self) -> dict[str, object]: ...


@final
class DeviceArray:
    """A C-contiguous array on a device; its memory lives as long as anyone whom it is shared with.

    Of `numpy()` and of both protocols, readers see what was asked of the device before.
    """

    __slots__ = ("__weakref__", "address", "device", "dtype", "owner", "shape")

    def __init__(
        self, shape: tuple[int, ...], dtype: DType, device: Device, address: int, owner: object
    ) -> None:
        self.shape, self.dtype, self.device = shape, dtype, device
        self.address, self.owner = address, owner

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def numpy(self) -> np.ndarray:
        """A copy in the memory of the host, when everything before is done."""
        array = np.empty(self.shape, self.dtype.numpy)
        if array.size:
            self.device.read(self.address, array)
        return array

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """What `numpy.asarray` asks for."""
        if copy is False:
            raise ArgumentError("an array of a device has no NumPy array without a copy")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    @property
    def __cuda_array_interface__(self) -> dict[str, object]:
        """Version 3 of the protocol; readers wait for the stream that is named."""
        if self.dtype is bfloat16:
            raise DTypeError("this protocol has no bfloat16", fix="use from_dlpack instead")
        return {
            "shape": self.shape,
            "typestr": self.dtype.numpy.str,
            "data": (self.address, False),
            "strides": None,
            "version": 3,
            "stream": _number(self.device.stream),
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        """The kind of the device, and which one."""
        return self.device.place

    def __dlpack__(
        self, *, stream: int | None = None, max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None, copy: bool | None = None,
    ) -> object:  # fmt: skip
        """A capsule for a reader on that stream, which waits for what was asked before."""
        if copy or dl_device not in (None, self.__dlpack_device__()) or stream == 0:
            raise FeedError(
                "an array of a device is shared as it is",
                received=f"stream={stream}, dl_device={dl_device}, copy={copy}",
                expected="the device it is on, a stream other than 0, and no copy",
            )
        if stream != _NO_STREAM:
            reader = _LEGACY_STREAM if stream is None else stream
            self.device.after(reader, first=self.device.stream)
        owner = _Lent(self.device, self, self.device.stream, _LEGACY_STREAM)
        place = self.__dlpack_device__()
        shared = dlpack.Shared(self.address, self.shape, self.dtype, *place, owner)
        return dlpack.give(shared, max_version is not None and max_version[0] >= 1)

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device.name!r})"


@final
class _Lent:
    """Keeps what one side has and the other uses, until nobody does.

    Then the stream of its owner waits for what the user was asked for. Of other libraries only the
    default stream is known.
    """

    def __init__(self, device: Device, owner: object, stream: int | None, user: int | None) -> None:
        self._device, self._owner, self._stream, self._user = device, owner, stream, user

    def __del__(self) -> None:
        end = partial(_return, self._device, self._stream, self._user, self._owner)
        self._device.retire(end)


def _return(
    device: Device, stream: int | None, user: int | None, owner: object
) -> tuple[object, ...]:
    device.after(stream, first=user)
    return (owner,)


def from_foreign(value: object, device: Device) -> DeviceArray | None:
    """An array of another library in the memory of this device; None if it is none of such a kind.

    What is asked of the device from now on happens after what its own library was asked for.

    Raises:
        FeedError: an array of another device, or one that is not contiguous.
        DTypeError: elements of a type that is not known here.
    """
    if isinstance(value, DeviceArray):
        return value if value.device is device else _on(_shared(value), device)
    kind, _ = device.place
    if isinstance(value, HasDLPack):
        if value.__dlpack_device__()[0] != kind:
            return None
        return _on(dlpack.take(_capsule(value, _number(device.stream))), device)
    # An array of the host that says where it is stands for one of a GPU, in the interpreter.
    if isinstance(value, HasInterface) and (kind == dlpack.CUDA or isinstance(value, OnHost)):
        return _on(_of_interface(value, device), device)
    return None


def lent(arrays: Iterable[object]) -> list[DeviceArray]:
    """Those among some arrays whose memory others may use again as soon as nobody holds them here.
    Memory of the device's own is used again in the order of its stream."""
    return [x for x in arrays if isinstance(x, DeviceArray) and isinstance(x.owner, _Lent)]


def aligned(array: DeviceArray, multiple: int) -> DeviceArray:
    """The array, or a copy on its device where it does not begin at a multiple of so many bytes."""
    if array.address % multiple == 0 or not array.nbytes:
        return array
    memory = array.device.allocate(array.nbytes)
    array.device.copy(memory.address, array.address, array.nbytes)
    array.device.hold(lent([array]))
    return DeviceArray(array.shape, array.dtype, array.device, memory.address, memory)


def _number(stream: int | None) -> int | None:
    return None if stream is None else int(stream)


def _capsule(value: HasDLPack, stream: int | None) -> object:
    try:
        return value.__dlpack__(stream=stream, max_version=(1, 0))  # pyright: ignore[reportCallIssue]
    except TypeError:  # an older library: it does not know the second argument
        return value.__dlpack__(stream=stream)


def _of_interface(value: HasInterface, device: Device) -> dlpack.Shared:
    facts = value.__cuda_array_interface__
    shape, strides = tuple(facts["shape"]), facts.get("strides")  # pyright: ignore[reportArgumentType]
    dtype = as_dtype(np.dtype(str(facts["typestr"])))
    if strides is not None:
        dlpack.check_contiguous(shape, [s / dtype.itemsize for s in strides])  # pyright: ignore
    writer = facts.get("stream")
    if isinstance(writer, int):
        device.after(device.stream, first=writer)
    address = int(facts["data"][0])  # pyright: ignore[reportIndexIssue]
    kind, number = device.place
    return dlpack.Shared(address, shape, dtype, kind, number, value)


def _shared(value: DeviceArray) -> dlpack.Shared:
    kind, number = value.device.place
    return dlpack.Shared(value.address, value.shape, value.dtype, kind, number, value)


def _on(shared: dlpack.Shared, device: Device) -> DeviceArray:
    if (shared.kind, shared.number) != device.place:
        raise FeedError(
            "an array of another device",
            received=f"device {shared.number} of DLPack's kind {shared.kind}",
            expected=device.name,
        )
    owner = _Lent(device, shared.owner, _LEGACY_STREAM, device.stream)
    return DeviceArray(shared.shape, shared.dtype, device, shared.address, owner)
