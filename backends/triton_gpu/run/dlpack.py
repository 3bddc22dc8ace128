"""DLPack: arrays of a device from and for other libraries, without a copy.

The structures are those of dlpack.h, version 1.0; capsules are made and read through ctypes.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, final

from graphc import dtypes
from graphc.dtypes import DType
from graphc.errors import DTypeError, FeedError

CUDA = 2
_KINDS = {"i": 0, "u": 1, "f": 2, "b": 6}
_BFLOAT = 4
_PLAIN, _USED_PLAIN = b"dltensor", b"used_dltensor"
_VERSIONED, _USED_VERSIONED = b"dltensor_versioned", b"used_dltensor_versioned"
_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


# fmt: off
class _Device(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_int32), ("number", ctypes.c_int32))


class _Type(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p), ("device", _Device), ("ndim", ctypes.c_int32), ("dtype", _Type),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p),
        ("deleter", _Deleter), ("flags", ctypes.c_uint64), ("tensor", _Tensor),
    )
# fmt: on


class Shared(NamedTuple):
    """An array in the memory of a device, and what keeps it there."""

    address: int
    shape: tuple[int, ...]
    dtype: DType
    kind: int
    number: int
    """Of the device: its kind (`CUDA`), and which one."""
    owner: object


# ---------------------------------------------------------------------------- for others

_given: dict[int, tuple[object, ...]] = {}
"""What others hold: by the address of the structure, all that must live."""


def give(shared: Shared, is_versioned: bool) -> object:
    """A capsule with the array; whoever takes it says when it is no longer used."""
    ndim = len(shared.shape)
    shape = (ctypes.c_int64 * max(1, ndim))(*shared.shape)
    steps = (ctypes.c_int64 * max(1, ndim))(*_strides(shared.shape))
    kind = _BFLOAT if shared.dtype is dtypes.bfloat16 else _KINDS[shared.dtype.kind]
    tensor = _Tensor(
        shared.address, _Device(shared.kind, shared.number), ndim,
        _Type(kind, shared.dtype.bits, 1), shape, steps, 0,
    )  # fmt: skip
    if is_versioned:
        made = _Versioned(1, 0, None, _forget, 0, tensor)
    else:
        made = _Managed(tensor, None, _forget)
    address = ctypes.addressof(made)
    _given[address] = made, shape, steps, shared.owner
    return _new(address, _VERSIONED if is_versioned else _PLAIN, _drop)


@_Deleter
def _forget(address: int) -> None:
    _given.pop(address, None)


@ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
def _drop(capsule: int) -> None:
    """A capsule dies: if nobody has taken the array, nobody will."""
    for name in (_PLAIN, _VERSIONED):
        if _is_valid(capsule, name):
            _given.pop(_pointer(capsule, name), None)


# ---------------------------------------------------------------------------- from others


@final
class _Taken:
    """Tells the other library when nobody uses the array any more."""

    def __init__(self, deleter: Callable[[int], None], address: int) -> None:
        self._deleter, self._address = deleter, address

    def __del__(self) -> None:
        if self._deleter:
            self._deleter(self._address)


def take(capsule: object) -> Shared:
    """The array in a capsule, which is used up.

    Raises:
        FeedError: no capsule of DLPack, or an array that is not contiguous.
        DTypeError: elements of a type that is not known here.
    """
    held = id(capsule)
    for name, used, form in (
        (_VERSIONED, _USED_VERSIONED, _Versioned), (_PLAIN, _USED_PLAIN, _Managed)
    ):  # fmt: skip
        if _is_valid(held, name):
            address = _pointer(held, name)
            made = form.from_address(address)
            shared = _read(made.tensor)
            _rename(held, used)
            return shared._replace(owner=_Taken(made.deleter, address))
    raise FeedError("no array of DLPack", received=type(capsule).__name__, expected="a capsule")


def _read(tensor: _Tensor) -> Shared:
    shape = tuple(tensor.shape[: tensor.ndim])
    if tensor.strides:
        check_contiguous(shape, tensor.strides[: tensor.ndim])
    address = (tensor.data or 0) + tensor.offset
    device = tensor.device
    return Shared(address, shape, _dtype(tensor.dtype), device.kind, device.number, None)


def check_contiguous(shape: tuple[int, ...], strides: Sequence[int]) -> None:
    """Refuse an array with gaps or in another order; strides are counted in elements.

    Raises:
        FeedError: it is not C-contiguous.
    """
    usual = _strides(shape)
    if 0 not in shape and any(s != u for n, s, u in zip(shape, strides, usual) if n != 1):
        raise FeedError(
            "an array of a device is not contiguous",
            received=f"shape {shape} with strides {tuple(strides)}",
            expected=f"strides {usual}",
            fix="make a contiguous copy where it comes from",
        )


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _dtype(given: _Type) -> DType:
    for dtype in dtypes.ALL:
        kind = _BFLOAT if dtype is dtypes.bfloat16 else _KINDS[dtype.kind]
        if (kind, dtype.bits, 1) == (given.kind, given.bits, given.lanes):
            return dtype
    raise DTypeError(
        "elements of a type that is not known here",
        received=f"DLPack's type {given.kind} with {given.bits} bits, {given.lanes} lanes",
        expected=", ".join(map(str, dtypes.ALL)),
    )


# ---------------------------------------------------------------------------- capsules

_api = ctypes.pythonapi
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", _api)
)
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", _api)
)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", _api)
)
_rename = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_SetName", _api)
)
