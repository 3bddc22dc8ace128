"""How the work of Winograd's algorithm is cut, and whether it pays: a count of cycles.

Looks at shapes and the machine's vectors alone, never at threads, so bits follow from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from graphc.backends.llvm_cpu.host import Target

from .maps import OUTPUTS, PRODUCTS, TAPS

FEW = 4
"""What an unknown number of images counts for."""
LIKELY = 8
"""The images of a call that blocks should be large enough for."""
ENOUGH_ITEMS = 8
MOST_ROWS = 14
LOCAL_BYTES = 9 << 16
"""Of inputs and products that an item keeps on its stack where weights come first."""
STEP_BYTES = 9 << 16
BLOCK_BYTES = 10 << 16
"""Of the weights of one step, and of products, where inputs come first."""
PAYS = 0.9
"""Above this share of the cycles of the direct form there is no gain to be sure of."""

# Cycles per vector, measured on machines with 512-bit vectors; of copies to a box, and of inputs
# that are written by one phase and read by another, besides.
INPUT, BOXED, SHARED_INPUT, WEIGHT, OUTPUT = 250, 200, 460, 200, 130


@dataclass(frozen=True, slots=True)
class Window:
    """One direction of an image: the input of result `pixel` and tap `tap` is their sum."""

    pixel: str
    tap: str
    size: int
    """How many results."""

    @property
    def tiles(self) -> int:
        """How many tiles there are, the last one perhaps in part."""
        return -(-self.size // OUTPUTS)

    @property
    def is_whole(self) -> bool:
        """Whether every tile is."""
        return self.size % OUTPUTS == 0


@dataclass(frozen=True, slots=True)
class Tiling:
    """What is done together: blocks of tiles in register tiles of `rows`, panels of so many
    vectors of filters, channels of one step of the sum.

    Where weights come `first`, a phase of its own transforms them all, and an item transforms the
    inputs of its tiles and does all panels. Otherwise the inputs come first, and an item does one
    panel, whose weights it transforms step by step.
    """

    tiles: int
    rows: int
    vectors: int
    channels: int
    first: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What the choice looks at."""

    windows: tuple[Window, Window]
    channels: int
    filters: int
    images: int
    """How many, or a guess."""
    boxed: bool
    """Whether all inputs go through a box."""

    @property
    def tiles(self) -> int:
        """Of one image."""
        return prod(w.tiles for w in self.windows)


def tiling_of(s: Shape, target: Target) -> Tiling | None:
    """How the work is cut; None where the direct form is as fast."""
    vectors = min((1, 2, 3, 4), key=lambda v: (columns_of(s, v, target), -v))
    rows = most_rows(target.registers, vectors)
    if FEW * s.tiles > s.filters:
        tiling = _weights_first(s, rows, vectors, target.lanes)
    else:
        tiling = _inputs_first(s, rows, vectors, target.lanes)
    return tiling if _cycles(s, tiling, target) < PAYS * direct_cycles(s, target) else None


def most_rows(registers: int, vectors: int) -> int:
    """Rows of a register tile: accumulators, one row of weights and a broadcast in registers."""
    return max(1, min(MOST_ROWS, (registers - 2 - vectors) // vectors))


def columns_of(s: Shape, vectors: int, target: Target) -> float:
    """Cycles per step of the sum and row of inputs for all filters: products, or else loads."""
    rows = most_rows(target.registers, vectors)
    products, loads = rows * vectors, rows + vectors
    cycles = max(products / 2, loads / 2, 4.0) + 0.05 * loads
    return -(-s.filters // (vectors * target.lanes)) * cycles / rows


def _weights_first(s: Shape, rows: int, vectors: int, lanes: int) -> Tiling:
    channels = -(-s.channels // lanes) * lanes
    tile = 4 * PRODUCTS * (channels + vectors * lanes)
    most = min(LOCAL_BYTES // tile, s.images * s.tiles // ENOUGH_ITEMS)
    return Tiling(max(1, most // rows) * rows, rows, vectors, s.channels, True)


def _inputs_first(s: Shape, rows: int, vectors: int, lanes: int) -> Tiling:
    column = 4 * PRODUCTS * vectors * lanes
    most = min(BLOCK_BYTES // column, LIKELY * s.tiles + rows - 1)
    tiles = max(1, most // rows) * rows
    most = STEP_BYTES // column
    steps = [d for d in range(lanes, s.channels + 1, lanes) if s.channels % d == 0 and d <= most]
    return Tiling(tiles, rows, vectors, steps[-1] if steps else s.channels, False)


# ---------------------------------------------------------------------------- cycles of all images


def _cycles(s: Shape, t: Tiling, target: Target) -> float:
    lanes, tiles = target.lanes, s.images * s.tiles
    inputs, outputs = -(-s.channels // lanes) * tiles, -(-s.filters // lanes) * tiles
    weights = s.channels * -(-s.filters // lanes)
    times = 1 if t.first else -(-tiles // t.tiles)
    total = PRODUCTS * tiles * s.channels * columns_of(s, t.vectors, target)
    total += inputs * (INPUT + BOXED * s.boxed + SHARED_INPUT * (not t.first))
    return total + OUTPUT * outputs + WEIGHT * weights * times


def direct_cycles(s: Shape, target: Target) -> float:
    """Cycles of the direct form."""
    results = s.images * prod(w.size for w in s.windows)
    vectors = min((2, 4), key=lambda v: columns_of(s, v, target))
    return TAPS * TAPS * results * s.channels * columns_of(s, vectors, target)
