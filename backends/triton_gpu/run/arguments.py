"""The arguments of a launch, in memory: where the driver finds each, as wide as the code wants it.

pointers, or descriptors of tiles    8 bytes; 128 for the map, then its shape and its strides
sizes                                4 bytes, or 8
memory of Triton's own               two pointers
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import final

from graphc.backends.triton_gpu.launch import Launch, TensorMap
from graphc.backends.triton_gpu.objects.binary import Binary
from graphc.errors import DeviceError
from graphc.ir.dim import evaluate

from .driver import describe, driver

MAP_BYTES, MAP_ALIGN = 128, 128
_LIBRARY = "libcuda.so.1"
_TYPES = {8: 10, 9: 8, 10: 9}
"""From Triton's numbers of types to those of the driver, where they differ."""
_NO_INTERLEAVE, _PROMOTION_OF_128_BYTES, _ZEROS_OUTSIDE = 0, 2, 0
MOST_MAPS = 64
"""How many maps of a pointer are remembered."""


@final
class Arguments:
    """Memory for the arguments of one kind of launch."""

    def __init__(self, launch: Launch, binary: Binary) -> None:
        maps = {found.pointer: found for found in launch.maps}
        size = "q" if launch.wide else "i"
        kinds: list[str] = []
        for name, _ in launch.pointers:
            kinds += _kinds(maps[name]) if name in maps else ["Q"]
        kinds += [*size * len(launch.sizes), "Q", "Q"]
        widths = tuple(map(struct.calcsize, kinds))
        assert widths == binary.parameters, "arguments are as wide as parameters"
        text, places = _layout(kinds)
        self._struct = struct.Struct(text)
        self._room = ctypes.create_string_buffer(self._struct.size + MAP_ALIGN)
        self._skip = -ctypes.addressof(self._room) % MAP_ALIGN
        start = ctypes.addressof(self._room) + self._skip
        self._places = (ctypes.c_void_p * len(kinds))(*[start + place for place in places])
        self.address = ctypes.addressof(self._places)
        """Of the addresses of all arguments."""
        given = iter(binary.tiles)
        tiles = [Tiles(maps[n], next(given), launch) if n in maps else None
                 for n, _ in launch.pointers]  # fmt: skip
        into = partial(self._struct.pack_into, self._room, self._skip)
        self.pack = _pack_maps(into, tiles) if maps else _pack(into)
        """Puts pointers, sizes, and the address of Triton's own memory in their places."""


Pack = Callable[[Sequence[int], Sequence[int], int], None]


def _pack(into: Callable[..., None]) -> Pack:
    return lambda pointers, sizes, own: into(*pointers, *sizes, own, 0)


def _pack_maps(into: Callable[..., None], tiles: Sequence[Tiles | None]) -> Pack:
    def pack(pointers: Sequence[int], sizes: Sequence[int], own: int) -> None:
        values: list[bytes | int] = []
        for pointer, found in zip(pointers, tiles):
            values += [pointer] if found is None else found.at(pointer, sizes)
        into(*values, *sizes, own, 0)

    return pack


def _kinds(given: TensorMap) -> list[str]:
    return [f"{MAP_BYTES}s", *"i" * len(given.shape), *"q" * len(given.shape)]


def _layout(kinds: Sequence[str]) -> tuple[str, list[int]]:
    """A format with gaps, and where each argument is."""
    text, places, end = "=", list[int](), 0
    for kind in kinds:
        width = struct.calcsize(kind)
        gap = -end % (MAP_ALIGN if width == MAP_BYTES else width)
        text += f"{gap}x{kind}"
        places.append(end + gap)
        end += gap + width
    return text, places


@final
class Tiles:
    """One descriptor: the driver encodes it for an address and a shape."""

    def __init__(self, given: TensorMap, facts: tuple[int, ...], launch: Launch) -> None:
        self._given, self._names, self._what = given, launch.sizes, launch.function_name
        self._swizzle, self._itemsize, self._type, *self._box = facts
        self._known: dict[tuple[int, tuple[int, ...]], list[bytes | int]] = {}

    def at(self, address: int, sizes: Sequence[int]) -> list[bytes | int]:
        """The map, the shape and the strides of the array there. Of an array without elements, of
        which nothing is read, the driver makes no map: it is taken for one with some."""
        known = dict(zip(self._names, sizes))
        shape = tuple(max(1, evaluate(size, known)) for size in self._given.shape)
        key = address, shape
        if key not in self._known:
            if len(self._known) >= MOST_MAPS:
                self._known.clear()
            strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
            self._known[key] = [self._encoded(address, shape, strides), *shape, *strides]
        return self._known[key]

    def _encoded(self, address: int, shape: tuple[int, ...], strides: list[int]) -> bytes:
        rank = len(shape)
        many, few = ctypes.c_uint64 * rank, ctypes.c_uint32 * rank
        # Axes from the last to the first; the last one is known to have no gaps.
        steps = [stride * self._itemsize for stride in reversed(strides[:-1])]
        room = ctypes.create_string_buffer(2 * MAP_BYTES)
        at = ctypes.addressof(room) + -ctypes.addressof(room) % MAP_ALIGN
        # Not through cuda-bindings, some versions of which do not align the map.
        code = ctypes.CDLL(_LIBRARY).cuTensorMapEncodeTiled(
            ctypes.c_void_p(at), _TYPES.get(self._type, self._type), rank,
            ctypes.c_void_p(address), many(*reversed(shape)), many(*steps, 0),
            few(*reversed(self._box)), few(*[1] * rank), _NO_INTERLEAVE, self._swizzle,
            _PROMOTION_OF_128_BYTES, _ZEROS_OUTSIDE,
        )  # fmt: skip
        if code:
            raise self._refused(address, shape, code)
        return ctypes.string_at(at, MAP_BYTES)

    def _refused(self, address: int, shape: tuple[int, ...], code: int) -> DeviceError:
        error = driver().CUresult(code)
        return DeviceError(
            f"{self._given.pointer} of {self._what} has no descriptor",
            received=f"{describe(error, driver())}, for the shape {shape} at {address:#x}",
            expected="at most 5 axes, rows of multiples of 16 bytes, tiles of 256 elements an axis",
        )
