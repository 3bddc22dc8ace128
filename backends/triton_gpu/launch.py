"""A Triton function and how it is launched: what generators answer and devices run.

    kernel -> (source/) -> Emitted -> (objects/) cubin -> (run/) launches

Nothing here needs Triton or a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.dtypes import DType
from graphc.ir.dim import Size


@dataclass(frozen=True, slots=True)
class TensorMap:
    """A pointer that the function gets as a descriptor of tiles: its parameter is a `tensordesc`.

    The rows of the array lie one after the other, and take multiples of 16 bytes.
    """

    pointer: str
    shape: tuple[Size, ...]
    """Of the array, in numbers and in the sizes of the launch."""
    block: tuple[int, ...]
    """Of a tile."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A function of a Triton source file, its arguments in order, and its grid of programs.

    The function takes a pointer for each of `pointers`, then an integer for each of `sizes`: int32,
    or int64 if `wide`. Two launches that are equal run the same code.
    """

    function_name: str
    source: str
    """The text of the whole file."""
    pointers: tuple[tuple[str, DType], ...]
    """The names of the buffers, and the dtypes of their elements."""
    sizes: tuple[str, ...]
    grid: tuple[Size, Size, Size]
    """The number of programs in each direction, of which the first may be 2^31 - 1, the others
    65,535 at most. Where one of them is 0 nothing is launched."""
    warps: int = 4
    stages: int = 3
    wide: bool = False
    """Whether offsets are counted in 64 bits."""
    unaligned: frozenset[str] = frozenset()
    """Pointers that may be no multiples of 16 bytes."""
    maps: tuple[TensorMap, ...] = ()
    """Pointers that are given as descriptors; only NVIDIA's chips from sm_90 on have them."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """The launches that run a kernel, in order, and the memory that they need between them."""

    launches: tuple[Launch, ...]
    scratch: tuple[tuple[str, DType, Size], ...] = ()
    """The name among the pointers, dtype, and number of elements of each."""
