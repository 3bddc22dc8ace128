"""Which convolutions run by Winograd's algorithm, and how their tiles are cut.

A tile is 4 x 4 results; it reads 6 x 6 pixels. Tiles of all images are numbered in one row, so that
small images share blocks. Decided from shapes and the machine's vectors alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from graphc import dtypes
from graphc.backends.llvm_cpu.contract.operands import (
    Box,
    Group,
    InPlace,
    Operand,
    groups_of,
    in_place,
)
from graphc.backends.llvm_cpu.contract.pack import panels_of
from graphc.backends.llvm_cpu.contract.plan import forward
from graphc.backends.llvm_cpu.host import Target
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Affine, Expr, Kernel, Load
from graphc.kernels.merge import merge_axes
from graphc.kernels.roles import Contraction, contraction_of
from graphc.kernels.settle import settled

from .maps import B_T, OUTPUTS, PRODUCTS, TAPS, Matrix
from .tiling import FEW, Shape, Tiling, Window, tiling_of


@dataclass(frozen=True, slots=True)
class Tiles:
    """How tiles are numbered: along the images, then down, then across."""

    kernel: Kernel
    windows: tuple[Window, Window]
    images: tuple[str, ...]

    @property
    def per_image(self) -> int:
        """Tiles down times tiles across."""
        return prod(w.tiles for w in self.windows)

    @property
    def are_whole(self) -> bool:
        """Whether all results of all tiles exist."""
        return all(w.is_whole for w in self.windows)

    @property
    def count(self) -> Size:
        """All tiles, if no axis of images is a part."""
        return product(self.kernel.axis(x).size for x in self.images) * self.per_image


@dataclass(frozen=True, slots=True)
class Pixels:
    """The square of pixels that a tile reads of one operand."""

    box: Box
    """A copy of them."""
    source: Load | None
    """The image itself, where tiles inside it may be read in place."""
    matrix: Matrix
    """What is applied to columns and rows."""
    channel: str
    taps: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Rows and columns of the square."""
        return len(self.matrix[0])


@dataclass(frozen=True, slots=True)
class Layout:
    """Transformed pixels of one block of tiles: [step of channels, product, tile, channel].

    The 36 values of a point are written side by side: a vector more between products keeps them
    from meeting in one set of the first-level cache. So it is with weights and products.
    """

    tiles: int
    steps: int
    channels: int
    """Of one step."""
    lanes: int

    @property
    def depth(self) -> int:
        """Elements of one row: the channels of a step in whole vectors."""
        return -(-self.channels // self.lanes) * self.lanes

    @property
    def product(self) -> int:
        """From one product to the next."""
        return self.tiles * self.depth + self.lanes

    @property
    def step(self) -> int:
        """From one step to the next."""
        return PRODUCTS * self.product

    @property
    def elements(self) -> int:
        """Of the whole block."""
        return self.steps * self.step


@dataclass(frozen=True, slots=True)
class Winograd:
    """A convolution with everything decided."""

    c: Contraction
    tiles: Tiles
    pixels: Pixels
    b: Operand
    tiling: Tiling
    lanes: int

    @property
    def n(self) -> str:
        """The axis of the lanes."""
        return self.c.n[-1]

    @property
    def channels(self) -> int:
        """How many channels are summed."""
        return known(self.c.kernel, self.pixels.channel)

    @property
    def steps(self) -> int:
        """Steps of the sum over channels."""
        return -(-self.channels // self.tiling.channels)

    @property
    def inputs(self) -> Layout:
        """Transformed inputs of one block of tiles."""
        return Layout(self.tiling.tiles, self.steps, self.tiling.channels, self.lanes)

    @property
    def width(self) -> int:
        """Filters of one panel."""
        return self.tiling.vectors * self.lanes

    @property
    def panels(self) -> int:
        """How many panels there are."""
        return -(-known(self.c.kernel, self.n) // self.width)

    @property
    def is_turned(self) -> bool:
        """Whether weights are dense along the channels, and turned while they are transformed."""
        return isinstance(self.b, InPlace) and self.b.step(self.n) != 1

    @property
    def blocks(self) -> Size:
        """How many blocks of tiles there are."""
        return ceil_div(self.tiles.count, self.tiling.tiles)

    @property
    def weight_step(self) -> int:
        """From one product to the next in weights of a panel: [step, product, channel, filter]."""
        return self.tiling.channels * self.width + self.lanes

    @property
    def product_step(self) -> int:
        """The same in the products of a block and panel: [product, tile, filter]."""
        return self.tiling.tiles * self.width + self.lanes


def winograd_of(kernel: Kernel, target: Target, tiling: Tiling | None = None) -> Winograd | None:
    """The plan for a convolution forward or its input gradient; None where it does not pay."""
    c = contraction_of(merge_axes(settled(kernel)))
    if c is None or not _is_convolution(c):
        return None
    c = forward(c)
    windows = windows_of(c, c.m, c.k)
    if windows is None:
        return None
    pixels = pixels_of(c, c.a, windows, B_T, target)
    tiles = Tiles(c.kernel, windows, tuple(x for x in c.m if x not in [w.pixel for w in windows]))
    tiling = tiling or tiling_of(_shape(c, tiles, pixels), target)
    if pixels.channel not in c.k or tiling is None:
        return None
    b = _weights(c, pixels.channel, tiling, target.lanes)
    return Winograd(c, tiles, pixels, b, tiling, target.lanes)


def _is_convolution(c: Contraction) -> bool:
    """Nothing of it is in parts or groups."""
    parts = any(a.part for a in c.kernel.axes)
    return is_plain_sum(c) and len(c.k) == 3 and not (c.batch or parts)


def is_plain_sum(c: Contraction) -> bool:
    """One sum of float32 products, of known filters."""
    values = [c.a, *c.b, *c.sums]
    return (
        all(e.dtype is dtypes.float32 for e in values)
        and len(c.sums) == 1 == len(c.n)
        and isinstance(c.kernel.axis(c.n[0]).size, int)
    )


def windows_of(
    c: Contraction, pixels: tuple[str, ...], taps: tuple[str, ...]
) -> tuple[Window, Window] | None:
    """The two directions in which 3 taps move over pixels, without strides: the last coordinates
    of `a` but for its channels, and no others."""
    groups = groups_of(c.a, tuple(a.name for a in c.kernel.axes))
    moving = [g for g in groups if len(g.steps) > 1]
    if len(groups) < 3 or moving != list(groups[-3:-1]):
        return None
    if not isinstance(c.kernel.axis(groups[-1].anchor).size, int):
        return None
    found = [_window(c, g, pixels, taps) for g in moving]
    windows = [w for w in found if w]
    return (windows[0], windows[1]) if len(windows) == 2 else None


def _window(
    c: Contraction, g: Group, pixels: tuple[str, ...], taps: tuple[str, ...]
) -> Window | None:
    steps = dict(g.steps)
    tap, pixel = (next((x for x in steps if x in some), "") for some in (taps, pixels))
    if steps != {tap: 1, pixel: 1} or c.kernel.axis(tap).size != TAPS:
        return None
    size = c.kernel.axis(pixel).size
    return Window(pixel, tap, size) if isinstance(size, int) else None


def pixels_of(
    c: Contraction,
    e: Expr,
    windows: tuple[Window, Window],
    matrix: Matrix,
    target: Target,
    channels: int | None = None,
) -> Pixels:
    """The pixels of one tile of an operand, whose last coordinate is the channel: all, or some."""
    groups = groups_of(e, tuple(a.name for a in c.kernel.axes))
    channel, taps = groups[-1].anchor, tuple(w.tap for w in windows if w.tap in e.free)
    spans = {n: 1 for g in groups for n, _ in g.steps}
    spans |= {w.pixel: OUTPUTS for w in windows} | dict.fromkeys(taps, TAPS)
    box = Box(e, groups, {**spans, channel: channels or known(c.kernel, channel)})
    return Pixels(box, _source(c, e, windows, channel, target), matrix, channel, taps)


def _source(
    c: Contraction, e: Expr, windows: tuple[Window, Window], channel: str, target: Target
) -> Load | None:
    """The load of pixels if nothing but the borders of the image forbids reading whole squares."""
    if not isinstance(e, Load) or e.exact or e.fill != 0 or e.buffer.dtype is not dtypes.float32:
        return None
    moving = {w.pixel for w in windows}
    for d, index in enumerate(e.index):
        if not isinstance(index, Affine) or not index.is_plain:
            return None
        if index.axes & moving:
            if any(coef != 1 for _, coef in index.terms) or not isinstance(index.const, int):
                return None
        elif d in e.checked:
            return None
    steps = [address_coef(e.buffer, e.index, x) for x in (windows[1].pixel, channel)]
    whole = known(c.kernel, channel) % target.lanes == 0
    return e if isinstance(steps[0], int) and steps[1] == 1 and whole else None


def window_dims(e: Load, windows: tuple[Window, Window]) -> Iterator[tuple[int, Window]]:
    """The dimensions of a load that pixels move through."""
    for d, index in enumerate(e.index):
        for w in windows:
            if isinstance(index, Affine) and w.pixel in index.axes:
                yield d, w


def _weights(c: Contraction, channel: str, tiling: Tiling, lanes: int) -> Operand:
    """Filters in place where they are dense along the lanes, or can be turned; else panels."""
    direct, width = in_place(c.b[0]), tiling.vectors * lanes
    if direct and direct.dtype is dtypes.float32:
        whole = known(c.kernel, c.n[0]) % width == 0 == tiling.channels % lanes
        if direct.step(c.n[0]) == 1 or (direct.step(channel) == 1 and whole):
            return direct
    return panels_of(c.kernel, c.b[0], (), c.n, c.k, width)


def _shape(c: Contraction, tiles: Tiles, pixels: Pixels) -> Shape:
    filters, boxed = known(c.kernel, c.n[0]), pixels.source is None
    channels = known(c.kernel, pixels.channel)
    return Shape(tiles.windows, channels, filters, images_of(c.kernel, tiles.images), boxed)


def images_of(kernel: Kernel, axes: Sequence[str]) -> int:
    """How many images there are; a few, where that is not known."""
    sizes = [kernel.axis(x).size for x in axes]
    return prod(x if isinstance(x, int) else FEW for x in sizes)


def known(kernel: Kernel, axis: str) -> int:
    """The size of an axis of channels or filters."""
    size = kernel.axis(axis).size
    assert isinstance(size, int), "channels and filters have known sizes"
    return size
