"""Which convolutions run by Winograd's algorithm, and how their tiles are cut.

A tile is 4 x 4 results; it reads 6 x 6 pixels. Tiles of all images are numbered in one row, so that
small images share blocks. Decided from shapes and the machine's vectors alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from graphc import dtypes
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Affine, Kernel, Load
from graphc.kernels.merge import merge_axes
from graphc.kernels.roles import Contraction, contraction_of
from graphc.kernels.settle import settled

from .contract_plan import forward
from .host import Target
from .operands import Box, Operand, groups_of, in_place
from .pack import panels_of
from .winograd_maps import OUTPUTS, TAPS
from .winograd_tiling import FEW, Shape, Tiling, Window, tiling_of


@dataclass(frozen=True, slots=True)
class Winograd:
    """A convolution with everything decided."""

    c: Contraction
    windows: tuple[Window, Window]
    images: tuple[str, ...]
    """The other axes of M: tiles are numbered along them, then down, then across."""
    channel: str
    box: Box
    """The pixels of one tile."""
    source: Load | None
    """The image itself, where tiles inside it may be read in place."""
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
        return _known(self.c.kernel, self.channel)

    @property
    def steps(self) -> int:
        """Steps of the sum over channels."""
        return -(-self.channels // self.tiling.channels)

    @property
    def width(self) -> int:
        """Filters of one panel."""
        return self.tiling.vectors * self.lanes

    @property
    def panels(self) -> int:
        """How many panels there are."""
        return -(-_known(self.c.kernel, self.n) // self.width)

    @property
    def depth(self) -> int:
        """Elements of one row of transformed inputs: the channels of a step in whole vectors."""
        return -(-self.tiling.channels // self.lanes) * self.lanes

    @property
    def tiles_per_image(self) -> int:
        """Tiles down times tiles across."""
        return prod(w.tiles for w in self.windows)

    @property
    def tiles(self) -> Size:
        """All tiles."""
        images = product(self.c.kernel.axis(x).size for x in self.images)
        return images * self.tiles_per_image

    @property
    def blocks(self) -> Size:
        """How many blocks of tiles there are."""
        return ceil_div(self.tiles, self.tiling.tiles)

    # Values of one point and vector are 36 stores or loads at these distances: a vector more keeps
    # them from meeting in one set of the first-level cache.

    @property
    def input_step(self) -> int:
        """From one product to the next in transformed inputs: [step, product, tile, channel]."""
        return self.tiling.tiles * self.depth + self.lanes

    @property
    def weight_step(self) -> int:
        """The same in transformed weights of a panel: [step, product, channel, filter]."""
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
    channel = next(x for x in c.k if x not in [w.tap for w in windows])
    source = _source(c, windows, channel, target)
    shape = _shape(c, windows, channel, source is None)
    tiling = tiling or tiling_of(shape, target)
    if tiling is None:
        return None
    pixels = [w.pixel for w in windows]
    images = tuple(x for x in c.m if x not in pixels)
    box = _box(c, windows, channel)
    width = tiling.vectors * target.lanes
    direct = in_place(c.b[0])
    b = direct if direct and direct.step(c.n[-1]) == 1 else None
    b = b or panels_of(c.kernel, c.b[0], (), c.n, c.k, width)
    return Winograd(c, windows, images, channel, box, source, b, tiling, target.lanes)


def _is_convolution(c: Contraction) -> bool:
    """One sum of float32 products of known channels, nothing of it in parts or groups."""
    values = [c.a, *c.b, *c.sums]
    parts = [a for a in c.kernel.axes if a.part]
    return (
        all(e.dtype is dtypes.float32 for e in values)
        and len(c.sums) == 1 == len(c.n)
        and len(c.m) >= 2
        and len(c.k) == 3
        and not c.batch
        and not parts
        and isinstance(c.kernel.axis(c.n[0]).size, int)
    )


def windows_of(
    c: Contraction, pixels: tuple[str, ...], taps: tuple[str, ...]
) -> tuple[Window, Window] | None:
    """The two directions in which 3 taps move over pixels, without strides; None if there are not
    exactly two, or if channels are not what `a` is dense along."""
    groups = groups_of(c.a, tuple(a.name for a in c.kernel.axes))
    found: list[Window] = []
    for g in groups[:-1]:
        steps = dict(g.steps)
        if len(steps) == 1:
            continue
        tap, pixel = (next((x for x in steps if x in some), "") for some in (taps, pixels))
        size = c.kernel.axis(pixel).size if pixel else None
        if steps != {tap: 1, pixel: 1} or c.kernel.axis(tap).size != TAPS:
            return None
        if not isinstance(size, int):
            return None
        found.append(Window(pixel, tap, size))
    is_last_plain = bool(groups) and len(groups[-1].steps) == 1
    return (found[0], found[1]) if len(found) == 2 and is_last_plain else None


def _box(c: Contraction, windows: tuple[Window, Window], channel: str) -> Box:
    groups = groups_of(c.a, tuple(a.name for a in c.kernel.axes))
    spans = {n: 1 for g in groups for n, _ in g.steps}
    spans |= {w.pixel: OUTPUTS for w in windows} | {w.tap: TAPS for w in windows}
    return Box(c.a, groups, {**spans, channel: _known(c.kernel, channel)})


def _source(
    c: Contraction, windows: tuple[Window, Window], channel: str, target: Target
) -> Load | None:
    """The load of pixels if nothing but the borders of the image forbids reading 6 x 6 of them."""
    e = c.a
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
    whole = _known(c.kernel, channel) % target.lanes == 0
    return e if isinstance(steps[0], int) and steps[1] == 1 and whole else None


def window_dims(e: Load, windows: tuple[Window, Window]) -> Iterator[tuple[int, Window]]:
    """The dimensions of a load that pixels move through."""
    for d, index in enumerate(e.index):
        for w in windows:
            if isinstance(index, Affine) and w.pixel in index.axes:
                yield d, w


def _shape(c: Contraction, windows: tuple[Window, Window], channel: str, boxed: bool) -> Shape:
    pixels = [w.pixel for w in windows]
    sizes = [c.kernel.axis(x).size for x in c.m if x not in pixels]
    images = prod(x if isinstance(x, int) else FEW for x in sizes)
    return Shape(windows, _known(c.kernel, channel), _known(c.kernel, c.n[0]), images, boxed)


def _known(kernel: Kernel, axis: str) -> int:
    size = kernel.axis(axis).size
    assert isinstance(size, int), "channels and images have known sizes"
    return size
