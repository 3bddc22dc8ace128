"""Operands of a contraction that are copied as tiles of arrays, by descriptors.

    a[m, k]                          m, k                         rows and columns of a matrix
    w[y, x, c, n]                    (y * 3 + x) * 64 + c, n      taps are numbers of a turn
    x[b, h + y - 1, w + x - 1, c]    b, h + y - 1, w + x - 1, c   boxes of pixels (`boxes.py`)
    x[b, 2*h + y, 2*w + x, c]        b, h + y//2, y%2, w + x//2, (x%2) * 64 + c
A copy begins at one point and is a box of the array; what lies outside of the array is zero. So a
dimension is walked by at most one axis of the tile, in steps of one, and along K a box is whole, or
ends outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.backends.triton_gpu.launch import TensorMap
from graphc.dtypes import DType
from graphc.ir.dim import Size, divisor, exact_div
from graphc.kernels.kernel import Affine, Axis, Expr, Load
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import expressions_of

from .boxes import Box, best_box, exact_box, plus, times
from .contract_tile import VECTOR_BYTES, ProductTile
from .contract_turns import may_be_short, turns_of
from .writer import size_text

MOST_DIMENSIONS = 5

Sum = tuple[tuple[int, Affine], ...]
"""A sum of indices, each times a factor."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """An operand as tiles: where one begins along each dimension, and how it lies in memory."""

    map: TensorMap
    begins: tuple[Sum, ...]
    depth_first: bool
    """Whether K comes before the other side."""

    @property
    def is_box(self) -> bool:
        """Whether it has more dimensions than a matrix."""
        return len(self.begins) > 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Which operands of a tile are copied, and which of its sides are boxes for that."""

    tiles: Mapping[Expr, Tiles] = field(default_factory=dict[Expr, Tiles])
    rows: Box | None = None
    depth: Box | None = None


def layout_of(c: Contraction, tile: ProductTile, numbers: DType) -> Layout:
    """The layout of a tile. All that is read of the buffers of copied operands is copied."""
    if not tile.maps:
        return Layout()
    turns = turns_of(c, tile.depth)
    inner, box = turns.inner, exact_box(turns.inner, tile.depth)
    # Copies have no masks: a part of K that is short must be counted by the loop.
    masked = (a for a in (*turns.outer, *inner) if a is not turns.short and may_be_short(a, c))
    if box is None or any(masked):
        return Layout()
    points = box.sizes()
    k = [a for a in inner if points[a.name] > 1]
    rows = best_box([c.kernel.axis(n) for n in c.m], tile.rows, _beside(c.a, k))
    found: dict[Expr, Tiles] = {}
    if rows and (made := _tiles(c.a, rows, k, points, numbers)):
        found[c.a] = made
    if len(c.n) == 1:
        columns = Box((c.kernel.axis(c.n[0]),), (tile.columns,))
        pairs = ((b, _tiles(b, columns, k, points, numbers)) for b in c.b)
        found |= {b: made for b, made in pairs if made}
    found = _alone(c, found)
    is_box = len(c.m) > 1 and c.a in found
    depth = box if len(inner) > 1 else None
    return Layout(found, rows if is_box else None, depth) if found else Layout()


def _beside(e: Expr, k: Sequence[Axis]) -> set[str]:
    """The axes that walk a dimension together with one of K."""
    names = {a.name for a in k}
    index = [i for i in e.index if isinstance(i, Affine)] if isinstance(e, Load) else []
    return {n for i in index if i.axes & names for n in i.axes - names}


def _alone(c: Contraction, found: dict[Expr, Tiles]) -> dict[Expr, Tiles]:
    """Without those whose buffers are used in another way, too."""
    maps: defaultdict[str, set[TensorMap | None]] = defaultdict(set)
    for e in expressions_of(c.kernel):
        if isinstance(e, Load):
            maps[e.buffer.name].add(found[e].map if e in found else None)
    for s in c.kernel.stores:
        maps[s.buffer.name].add(None)
    return {e: made for e, made in found.items() if maps[made.map.pointer] == {made.map}}


@dataclass(frozen=True, slots=True)
class _Dimension:
    """One dimension of a descriptor. What lies outside of an `open` one is read, and must be 0."""

    size: Size
    points: int
    begin: Sum
    axis: str | None
    is_open: bool


def _tiles(
    e: Expr, side: Box, k: Sequence[Axis], depth: Mapping[str, int], numbers: DType
) -> Tiles | None:
    """An operand as tiles of a side and of K, where it can be had so."""
    if not isinstance(e, Load) or e.buffer.dtype is not numbers or e.exact or e.fill != 0:
        return None
    points = side.sizes() | {a.name: depth[a.name] for a in k}
    found: list[_Dimension] = []
    for d in range(len(e.index)):
        made = _dimensions(e, d, points, {a.name: a for a in k})
        if made is None:
            return None
        found += made
    found = _merged(found)
    last, itemsize = found[-1], e.buffer.dtype.itemsize
    if not 2 <= len(found) <= MOST_DIMENSIONS or not isinstance(last.size, int):
        return None
    if last.size * itemsize % VECTOR_BYTES or last.points * itemsize < VECTOR_BYTES:
        return None
    across = [n for n, many in side.sizes().items() if many > 1]
    along = [a.name for a in k]
    order = [d.axis for d in found if d.axis]
    if order not in (across + along, along + across):
        return None
    sizes, block = tuple(d.size for d in found), tuple(d.points for d in found)
    begins = tuple(d.begin for d in found)
    return Tiles(TensorMap(e.buffer.name, sizes, block), begins, order == along + across)


def _dimensions(
    e: Load, d: int, points: Mapping[str, int], k: Mapping[str, Axis]
) -> list[_Dimension] | None:
    """A dimension of the buffer as one of the descriptor, or two where it is walked in steps."""
    i, size, checked = e.index[d], e.buffer.shape[d], d in e.checked
    if not isinstance(i, Affine) or not i.is_plain:
        return None
    walking = [n for n in i.axes if points.get(n, 1) > 1]
    if not walking:
        return [_Dimension(size, 1, ((1, i),), None, checked)]
    if len(walking) > 1:
        return None
    (name,) = walking
    is_open = checked
    if name in k:
        ends = _ends(k[name], i, size, points[name])
        if ends is None:
            return None
        is_open = is_open or not ends
    step = i.coef(name)
    if step == 1:
        return [_Dimension(size, points[name], ((1, i),), name, is_open)]
    rest = Affine(tuple(t for t in i.terms if t[0] != name), i.const)
    count = exact_div(size, step)
    is_walk = isinstance(step, int) and step > 1 and isinstance(rest.const, int)
    if not is_walk or count is None or any(not _is_positive(coef) for _, coef in rest.terms):
        return None
    start = (1, Affine(((name, 1),))), (1, replace(rest, div=step))
    return [
        _Dimension(count, points[name], start, name, is_open),
        _Dimension(step, 1, ((1, replace(rest, mod=step)),), None, False),
    ]


def _is_positive(size: Size) -> bool:
    return isinstance(size, int) and size > 0


def _ends(k: Axis, i: Affine, size: Size, points: int) -> bool | None:
    """Whether boxes along K are whole; None where a last one would read more than zeros."""
    part = k.part
    total = k.size if part is None else part.total
    if part is not None and divisor(part.block) % points:
        return None
    if divisor(total) % points == 0:
        return True
    alone = {k.name} if part is None else {k.name, part.parent}
    return False if total == size and i.axes == alone and i.const == 0 else None


def _merged(given: Sequence[_Dimension]) -> list[_Dimension]:
    """Dimensions of which a tile has one point are rows of the next one, where nothing outside of
    either is read."""
    found: list[_Dimension] = []
    for d in reversed(given):
        right = found[-1] if found else None
        is_inside = not (d.is_open or d.points > 1) and right is not None and not right.is_open
        if is_inside and right is not None and isinstance(right.size, int):
            begin = (*((n * right.size, i) for n, i in d.begin), *right.begin)
            found[-1] = replace(right, size=d.size * right.size, begin=begin)
        else:
            found.append(d)
    return found[::-1]


def begin_text(sum_: Sum, starts: Mapping[str, str], wide: bool) -> str:
    """Where a tile begins along one dimension, in 32 bits."""
    text = plus(*(times(_index_text(i, starts), n) for n, i in sum_))
    return f"tl.cast({text}, tl.int32)" if wide and not text.isdecimal() else text


def _index_text(i: Affine, starts: Mapping[str, str]) -> str:
    """An index; what is divided is made positive first, since Triton divides towards zero."""
    if not i.terms and isinstance(i.const, int):
        number = i.const // i.div
        return str(number % i.mod if i.mod else number)
    least = i.const if isinstance(i.const, int) else 0
    shift = -(-max(0, -least) // i.div) if i.div > 1 else 0
    shift = shift or (-(-max(0, -least) // i.mod) if i.mod else 0)
    const = i.const + shift * (i.div if i.div > 1 else i.mod)
    terms = [f"{starts[n]} * {size_text(coef)}" if coef != 1 else starts[n] for n, coef in i.terms]
    text = plus(*(t for t in terms if not t.startswith("0 *")), size_text(const))
    if i.is_plain:
        return f"({text})" if " " in text else text
    text = f"({text}) // {i.div}" if i.div > 1 else f"({text}) % {i.mod}"
    return f"({text} - {shift})" if shift and i.div > 1 else f"({text})"
