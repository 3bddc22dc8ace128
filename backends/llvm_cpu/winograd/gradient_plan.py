"""Which gradients of weights run by Winograd's algorithm, and how they are cut.

    dw = G^T (sum over tiles of (B^T x B) * (A dy A^T)) G
Decided from shapes and the machine's vectors alone. Images may be cut into parts, which give
partial sums of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.backends.llvm_cpu.contract.operands import groups_of
from graphc.backends.llvm_cpu.contract.plan import forward
from graphc.backends.llvm_cpu.host import Target
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.kernel import Kernel
from graphc.kernels.merge import merge_axes
from graphc.kernels.roles import Contraction, contraction_of
from graphc.kernels.settle import settled

from .maps import B_T, PRODUCTS, A
from .plan import (
    Layout,
    Pixels,
    Tiles,
    images_of,
    is_plain_sum,
    known,
    pixels_of,
    windows_of,
)
from .tiling import (
    INPUT,
    LIKELY,
    OUTPUT,
    PAYS,
    SHARED_INPUT,
    Shape,
    columns_of,
    direct_cycles,
    most_rows,
)

WIDE = 64
"""Channels and filters of one item at most: its products fill half of a second-level cache."""
COTANGENT = 200
"""Cycles per vector of 16 cotangents."""
LOCAL_BYTES = 17 << 16
"""Of products, and of transformed inputs and cotangents, that an item keeps on its stack."""
SHARED_TILES = 128
LOSS = 1.25
"""How much longer products take that go to memory and back for every block of tiles."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """An item sums over all tiles of a part, a block at a time, for some channels and filters.

    It transforms the pixels of each block itself, or, `shared`, a phase before has done so once.
    """

    tiles: int
    channels: int
    filters: int
    rows: int
    vectors: int
    shared: bool


@dataclass(frozen=True, slots=True)
class Gradient:
    """A gradient of weights with everything decided."""

    c: Contraction
    tiles: Tiles
    x: Pixels
    dy: Pixels
    blocking: Blocking
    lanes: int

    @property
    def inputs(self) -> Layout:
        """Transformed inputs of one block of tiles."""
        return self._layout(self.x, self.blocking.channels)

    @property
    def cotangents(self) -> Layout:
        """Transformed cotangents of one block of tiles."""
        return self._layout(self.dy, self.blocking.filters)

    def _layout(self, pixels: Pixels, one: int) -> Layout:
        steps = known(self.c.kernel, pixels.channel) // one if self.blocking.shared else 1
        return Layout(self.blocking.tiles, steps, one, self.lanes)

    @property
    def channel_blocks(self) -> int:
        """How many blocks of channels there are."""
        return known(self.c.kernel, self.x.channel) // self.blocking.channels

    @property
    def filter_blocks(self) -> int:
        """How many blocks of filters there are."""
        return known(self.c.kernel, self.dy.channel) // self.blocking.filters

    @property
    def parts(self) -> Size:
        """How many parts there are."""
        return product(self.c.kernel.axis(x).size for x in self.c.batch)

    @property
    def tiles_per_part(self) -> Size:
        """Tiles of a full part."""
        return self.tiles.count

    @property
    def blocks_per_part(self) -> Size:
        """Blocks of a full part."""
        return ceil_div(self.tiles_per_part, self.blocking.tiles)

    @property
    def product_step(self) -> int:
        """From one product to the next in those of an item: [product, channel, filter]."""
        rows = -(-self.blocking.channels // self.blocking.rows) * self.blocking.rows
        return rows * self.blocking.filters + self.lanes


def gradient_of(
    kernel: Kernel, target: Target, blocking: Blocking | None = None
) -> Gradient | None:
    """The plan for a gradient of weights; None where the kernel is none, or it does not pay."""
    c = contraction_of(merge_axes(settled(kernel)))
    if c is None or not _is_gradient(c):
        return None
    c = forward(c)
    windows = windows_of(c, c.k, c.m)
    if windows is None:
        return None
    pixels = [w.pixel for w in windows]
    images = tuple(x for x in c.k if x not in pixels)
    tiles = Tiles(c.kernel, windows, images)
    groups = groups_of(c.b[0], tuple(a.name for a in c.kernel.axes))
    last = [g.steps for g in groups[-3:]]
    if len(images) > 1 or last != [((x, 1),) for x in (*pixels, c.n[0])]:
        return None
    blocking = blocking or _blocking(c, tiles, target)
    if blocking is None:
        return None
    channel = next(x for x in c.m if x not in [w.tap for w in windows])
    one, other = blocking.channels, blocking.filters
    if blocking.shared:
        one, other = known(c.kernel, channel), known(c.kernel, c.n[0])
    x = pixels_of(c, c.a, windows, B_T, target, one)
    dy = pixels_of(c, c.b[0], windows, A, target, other)
    assert x.channel == channel, "the last coordinate of an image is its channel"
    return Gradient(c, tiles, x, dy, blocking, target.lanes)


def _is_gradient(c: Contraction) -> bool:
    """Taps and channels are kept, pixels summed; only images are in parts."""
    parents = {a.part.parent for a in c.kernel.axes if a.part}
    parts = {a.name for a in c.kernel.axes if a.part}
    known_sizes = all(isinstance(c.kernel.axis(x).size, int) for x in c.m)
    return (
        is_plain_sum(c)
        and set(c.batch) <= parents
        and parts <= set(c.k)
        and len(c.m) == 3
        and known_sizes
        and not c.columns
    )


# ---------------------------------------------------------------------------- the choice


def _blocking(c: Contraction, tiles: Tiles, target: Target) -> Blocking | None:
    lanes, taps = target.lanes, [w.tap for w in tiles.windows]
    channels = known(c.kernel, next(x for x in c.m if x not in taps))
    filters = known(c.kernel, c.n[0])
    if channels % lanes or filters % lanes:
        return None
    one, other = (_widest(x, lanes) for x in (channels, filters))
    vectors = min((1, 2, 3, 4), key=lambda v: (other % (v * lanes), _cycles_each(v, target), -v))
    most = most_rows(target.registers, vectors)
    rows = -(-one // -(-one // most))
    images = images_of(c.kernel, tiles.images)
    shape = Shape(tiles.windows, channels, filters, images, False)
    again = channels // lanes * (filters // other), filters // lanes * (channels // one)
    once = (channels + filters) // lanes
    local_cost = again[0] * INPUT + again[1] * COTANGENT
    shared = once * SHARED_INPUT + channels // lanes * INPUT + filters // lanes * COTANGENT
    left = LOCAL_BYTES - 4 * PRODUCTS * one * other
    block = max(LIKELY, left // (4 * PRODUCTS * (one + other)))
    transforms = min(local_cost, shared) * tiles.per_image * images
    products = PRODUCTS * tiles.per_image * images * channels * columns_of(shape, vectors, target)
    finish = OUTPUT * channels * filters // lanes
    cycles = products * LOSS + transforms + finish
    if cycles > PAYS * direct_cycles(shape, target):
        return None
    is_shared = shared < local_cost
    if is_shared:
        block = min(SHARED_TILES, LIKELY * tiles.per_image)
    return Blocking(block, one, other, rows, vectors, is_shared)


def _widest(size: int, lanes: int) -> int:
    """The largest divisor in whole vectors that is not too wide."""
    return max(d for d in range(lanes, min(size, WIDE) + 1, lanes) if size % d == 0)


def _cycles_each(vectors: int, target: Target) -> float:
    """Cycles per product: of vectors, or of what they load."""
    rows = most_rows(target.registers, vectors)
    return max(rows * vectors / 2, (rows + vectors) / 2, 4.0) / (rows * vectors)
