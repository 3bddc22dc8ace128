"""What convolutions and pools share: numbers per spatial axis, padding by name, axes by layout.

valid    no padding: out = floor((in - extent) / stride) + 1
same     out = ceil(in / stride); an odd rest of the padding goes behind (TensorFlow's rule)
causal   everything in front (one axis): y[t] depends on x[..t]
pairs    (before, after) per axis, or one number for both sides
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import Size, ceil_div, floor_div
from graphc.ir.node import Tensor

from .conv import Pair, dilated

Ints = int | Sequence[int]
Padding = str | int | Sequence[int | Sequence[int]]

CHANNELS_LAST, CHANNELS_FIRST = "channels_last", "channels_first"
_LAYOUTS = (CHANNELS_LAST, CHANNELS_FIRST)


def spread(value: Ints, rank: int, what: str) -> tuple[int, ...]:
    """One number per spatial axis, each at least 1.

    >>> spread(2, 3, "strides"), spread((1, 2), 2, "strides")
    ((2, 2, 2), (1, 2))
    """
    numbers = tuple(value) if isinstance(value, Sequence) else (value,) * rank
    if len(numbers) != rank or not all(isinstance(n, int) and n >= 1 for n in numbers):
        raise ArgumentError(
            f"{what} is one number per spatial axis",
            received=value,
            expected=f"an int >= 1, or {rank} of them",
        )
    return numbers


def spatial_rank(x: Tensor, rank: int | None, what: str) -> int:
    """The number of spatial axes of (batch, *spatial, channels); ShapeError if it is another."""
    found = x.ndim - 2
    wanted = (1, 2, 3) if rank is None else (rank,)
    if found not in wanted:
        raise ShapeError(
            f"{what} takes a tensor with batch, {' or '.join(map(str, wanted))} spatial axes "
            "and channels",
            received=x.shape,
            expected=f"{' or '.join(str(w + 2) for w in wanted)} axes",
            fix="use gx.expand_dims for a single example or a single channel",
        )
    return found


def spatial_axes(rank: int, data_format: str | None) -> tuple[int, ...]:
    """Where the spatial axes of a tensor are."""
    first = 1 if is_channels_last(data_format) else 2
    return tuple(range(first, first + rank))


def layout(data_format: str | None) -> str:
    """The layout by name; None is channels_last."""
    return CHANNELS_LAST if is_channels_last(data_format) else CHANNELS_FIRST


def is_channels_last(data_format: str | None) -> bool:
    """Whether the layout is channels_last (None means it); ArgumentError for an unknown layout."""
    if data_format is not None and data_format not in _LAYOUTS:
        raise ArgumentError(
            "no such data_format", received=repr(data_format), expected=" or ".join(_LAYOUTS)
        )
    return data_format != CHANNELS_FIRST


def pairs(
    padding: Padding, sizes: Sequence[Size], window: Sequence[Size], strides: Sequence[int],
    dilation: Sequence[int], causal: bool = False,
) -> tuple[Pair, ...]:  # fmt: skip
    """The padding before and after each spatial axis."""
    extents = tuple(map(dilated, window, dilation))
    if isinstance(padding, str):
        match padding.lower():
            case "valid":
                return ((0, 0),) * len(sizes)
            case "same":
                return tuple(map(_same, sizes, extents, strides))
            case "causal" if causal:
                return tuple((e - 1, 0) for e in extents)
    elif isinstance(padding, int):
        return ((padding, padding),) * len(sizes)
    elif isinstance(padding, Sequence):
        sides = tuple((p, p) if isinstance(p, int) else tuple(p) for p in padding)
        if len(sides) == len(sizes) and all(len(s) == 2 for s in sides):
            return tuple((before, after) for before, after in sides)
    raise ArgumentError(
        "not a padding",
        received=repr(padding),
        expected=f"valid, same{', causal' if causal else ''}, a number, or {len(sizes)} pairs",
    )


def not_empty(y: Tensor, axes: Sequence[int], x: Tensor, what: str) -> Tensor:
    """The result y; ShapeError if no window fits into a tensor x that has elements."""
    if any(y.shape[a] == 0 and x.shape[a] != 0 for a in axes):
        raise ShapeError(
            f"the window of {what} is longer than the padded input",
            received=f"input {x.shape}, output {y.shape}",
            expected="at least one place for the window on each axis",
            fix="use a smaller window, padding='same', or larger images",
        )
    return y


def _same(size: Size, extent: Size, stride: int) -> Pair:
    covered = (ceil_div(size, stride) - 1) * stride + extent
    total = covered - size
    if isinstance(total, int):
        total = max(total, 0)
    elif extent == 1:
        total = 0
    elif not isinstance(extent, int) or extent < stride:
        raise ShapeError(
            "padding 'same' of an unknown size needs a window at least as long as the stride",
            received=f"size {size}, window {extent}, stride {stride}",
            fix="give the size as a number, or the padding as numbers",
        )
    before = floor_div(total, 2)
    return before, total - before
