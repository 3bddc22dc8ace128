"""Sides of a tile that are boxes: so many points of each of several axes.

    128 rows  =  2 images x 8 x 8 pixels          a block of an array, where 128 pixels in the order
                                                  of memory would begin and end amid a line
The number of a block tells where it begins along each axis, the number in the block how far from
there. Points beyond the end of an axis are masked like those of any tile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from graphc.ir import dim
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.kernel import Axis

from .coordinates import decoded
from .shape import Bound, Side
from .writer import Writer, size_text

MOST_WASTE = 1.5
"""Points of all boxes, for each that exists."""
UNKNOWN = 64
"""A size that is not known while boxes are compared: most often that of a batch."""


@dataclass(frozen=True, slots=True)
class Box:
    """Points of each axis, powers of two."""

    axes: tuple[Axis, ...]
    points: tuple[int, ...]

    @property
    def blocks(self) -> Size:
        """How many boxes there are."""
        return product(a.size for a in self.counted())

    def counted(self) -> list[Axis]:
        """Along each axis, how many boxes there are."""
        pairs = zip(self.axes, self.points, strict=True)
        return [Axis(a.name, ceil_div(a.size, n)) for a, n in pairs]

    def sizes(self) -> dict[str, int]:
        """The points by the names of the axes."""
        return {a.name: n for a, n in zip(self.axes, self.points, strict=True)}

    def begins(self, out: Writer, number: str) -> dict[str, str]:
        """Where the box of a number begins along each axis."""
        counted = [a for a in self.counted() if a.size != 1]
        found = decoded(out, number, counted) if counted else {}
        return {
            name: times(found[name], n) if name in found else "0"
            for name, n in self.sizes().items()
        }

    def bounds(
        self, out: Writer, begins: Mapping[str, str], vector: str, side: Side
    ) -> dict[str, Bound]:
        """The coordinates of the points along a side."""
        within = [Axis(name, n) for name, n in self.sizes().items() if n > 1]
        inside = decoded(out, vector, within)
        found: dict[str, Bound] = {}
        for axis, points in zip(self.axes, self.points, strict=True):
            text = begins[axis.name]
            if axis.name not in inside:
                found[axis.name] = Bound(text)
                continue
            text = plus(text, inside[axis.name])
            text = out.let(text, f"at_{axis.name}_")
            exact = isinstance(axis.size, int) and axis.size % points == 0
            mask = None if exact else f"{text} < {size_text(axis.size)}"
            found[axis.name] = Bound(text, side, mask)
        return found


def times(text: str, factor: int) -> str:
    """The text of a product."""
    if text == "0" or factor == 1:
        return text
    return f"{text} * {factor}"


def plus(*texts: str) -> str:
    """The text of a sum."""
    return " + ".join(t for t in texts if t != "0") or "0"


def best_box(axes: Sequence[Axis], points: int, single: Collection[str] = ()) -> Box | None:
    """The box of so many points that wastes least, and of these the longest along the last axes.

    Axes that are `single` have one point of it. None where too much is wasted.
    """
    if len(axes) == 1:
        return Box(tuple(axes), (points,))
    most = [1 if a.name in single else points for a in axes]
    boxes = [Box(tuple(axes), found) for found in _splits(points, most)]
    best = min(boxes, key=lambda box: (_waste(box), [-n for n in box.points[::-1]]), default=None)
    return best if best and _waste(best) <= MOST_WASTE else None


def exact_box(axes: Sequence[Axis], points: int) -> Box | None:
    """The box of so many points that no axis but the first cuts short; None if that wastes much."""
    if len(axes) == 1:
        return Box(tuple(axes), (points,))
    found: list[int] = []
    left = points
    for a in reversed(axes[1:]):
        n = min(left, _power_of_two(dim.divisor(a.size)))
        found.append(n)
        left //= n
    box = Box(tuple(axes), (left, *reversed(found)))
    return box if _waste(box) <= MOST_WASTE else None


def _waste(box: Box) -> float:
    sizes = [max(1, _known(a.size)) for a in box.axes]
    return prod(-(-s // n) * n / s for s, n in zip(sizes, box.points, strict=True))


def _power_of_two(n: int) -> int:
    """The largest one that divides a number."""
    return n & -n if n else 1


def _splits(points: int, most: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All ways to write a power of two as a product of such."""
    if not most:
        if points == 1:
            yield ()
        return
    for n in _powers(min(points, most[0])):
        yield from ((n, *rest) for rest in _splits(points // n, most[1:]))


def _powers(most: int) -> Iterable[int]:
    return (1 << i for i in range(most.bit_length()))


def _known(size: Size) -> int:
    return dim.evaluate(size, dict.fromkeys(dim.names_of(size), UNKNOWN))
