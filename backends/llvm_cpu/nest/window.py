"""Filling boxes: guards become zeros and prologues run while the copy is made, once per item.

What a box covers is `operands.Box`; the loops here are those of a small map without reductions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphc.backends.llvm_cpu.contract.operands import Box, Group
from graphc.backends.llvm_cpu.ir.types import Number
from graphc.kernels.build import affine_sum, as_index, const, load, store
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Load, Store
from graphc.kernels.walk import rebuild, rename

from .body import Body
from .place import Lanes, Place

GROUPS = 4
"""Vectors that are copied side by side."""
Loop = tuple[str, Number, Number]
"""(axis, first, past the last)"""


def fill(place: Place, box: Box, pointer: str, extents: Mapping[str, Number]) -> None:
    """Write the box at the bound axes; `extents` are the values of its axes that exist here."""
    loops = _loops(box, place, extents)
    row = _row_of(box, place) if _is_whole(box, extents) else None
    parts = [(_by_groups(box), loops)]
    if row:
        outer = [x for x in loops if x[0] in row.outer]
        parts = [(s, [*outer, ("run", low, high)]) for s, low, high in row.parts()]
    axes = [Axis(n, high if isinstance(high, int) else box.elements) for n, _, high in loops]
    axes.append(Axis("run", box.elements))
    inner = Place(place.f, [*place.axes.values(), *axes], place.pointers, place.sizes)
    inner.pointers["box"] = pointer
    inner.at = dict(place.at)
    _together(Body(inner), parts)


def _names(box: Box) -> list[str]:
    return [f"box{i}" for i in range(len(box.groups))]


def _loops(box: Box, place: Place, extents: Mapping[str, Number]) -> list[Loop]:
    """The coordinates that exist, without those of one value."""
    named = zip(_names(box), box.groups)
    return [(n, *_range(box, g, place, extents)) for n, g in named if box.extent(g) > 1]


def _where(box: Box) -> dict[str, Affine]:
    """The anchors such that coordinates are those of the bound axes plus the loops."""
    named = zip(_names(box), box.groups)
    return {g.anchor: _moved(box, g, n) for n, g in named if box.extent(g) > 1}


def _by_groups(box: Box) -> Store:
    """box[d0, d1, ...] = value at the coordinates origin + d."""
    value = rebuild([box.value], None, _where(box))[box.value]
    return store(Buffer("box", box.dtype, box.shape), _index(box, box.groups), value)


def _index(box: Box, groups: Sequence[Group]) -> list[Affine | Expr]:
    named = zip(_names(box), groups)
    return [as_index(n if box.extent(g) > 1 else 0) for n, g in named]


def _moved(box: Box, group: Group, name: str) -> Affine:
    """The anchor such that the coordinate is that of the bound axes plus low plus `name`."""
    sign = group.sign
    return Affine(((group.anchor, 1), (name, sign)), sign * box.low(group))


def _range(
    box: Box, group: Group, place: Place, extents: Mapping[str, Number]
) -> tuple[Number, Number]:
    """The coordinates that exist: less than the box where an axis ends early."""
    f = place.f
    low: Number = 0
    high: Number = box.extent(group)
    for n, step in group.steps:
        missing = f.sub(box.spans[n], extents.get(n, box.spans[n]))
        if step < 0:
            low = f.add(low, f.mul(missing, -step))
        else:
            high = f.sub(high, f.mul(missing, step))
    return low, high


def _is_whole(box: Box, extents: Mapping[str, Number]) -> bool:
    """Whether the axes of the last two coordinates are covered to their ends."""
    names = [n for g in box.groups[-2:] for n, _ in g.steps]
    return all(extents.get(n, box.spans[n]) == box.spans[n] for n in names)


@dataclass(frozen=True, slots=True)
class _Row:
    """Columns and channels of a plain load as one dense run: 0 <= w < W is 0 <= w*C + c < W*C.

    `low` and `high` bound what lies inside the image: there it is copied, beside it are fills.
    """

    box: Box
    value: Load
    """The load at the run `run`, without a guard on it."""
    extent: int
    low: int
    high: int
    kept: int
    """How many coordinates remain before the run."""

    @property
    def outer(self) -> list[str]:
        """The loops around the run."""
        return _names(self.box)[: self.kept]

    def parts(self) -> list[tuple[Store, int, int]]:
        """(store, first, past the last) of the run."""
        groups = self.box.groups[: self.kept]
        shape = (*self.box.shape[: self.kept], self.extent + self.box.pad)
        target = Buffer("box", self.box.dtype, shape)
        index = [*_index(self.box, groups), "run"]
        nothing = const(float(self.value.fill), self.value.dtype)
        ends = [(0, self.low), (self.high, self.extent)]
        beside = [(store(target, index, nothing), low, high) for low, high in ends if low < high]
        return [*beside, (store(target, index, self.value), self.low, self.high)]


def _row_of(box: Box, place: Place) -> _Row | None:
    """The last coordinates as a run; None unless the value is a plain load that allows it."""
    e = box.value
    if not isinstance(e, Load) or e.exact or len(e.index) < 2 or not box.groups:
        return None
    channels, count = 0, 1
    last, size = e.index[-1], e.buffer.shape[-1]
    whole = last == as_index(box.groups[-1].anchor) and box.extent(box.groups[-1]) == size
    if (
        whole
        and not box.pad
        and len(box.groups) > 1
        and isinstance(size, int)
        and len(e.index) - 1 not in e.checked
    ):
        channels, count = 1, size
    columns, d = box.groups[-1 - channels], len(e.index) - 1 - channels
    before, width = e.index[d], e.buffer.shape[d]
    if not isinstance(before, Affine) or not isinstance(width, int):
        return None
    start = _start(before, columns, place)
    if start is None:
        return None
    first = (start + box.low(columns)) * count
    extent = box.extent(columns) * count
    kept = len(box.groups) - 1 - channels
    where = _where(replace(box, groups=box.groups[:kept]))
    index = [rebuild_index(i, where) for i in e.index[:d]]
    guards = [x for x in e.checked if x < d]
    view = replace(e.buffer, shape=(*e.buffer.shape[:d], width * count))
    at = affine_sum(Affine((("run", 1),)), first)
    value = load(view, *index, at, checked=guards, fill=e.fill)
    low, high = (0, extent) if d not in e.checked else (-first, width * count - first)
    low = max(0, min(low, extent))
    return _Row(box, value, extent, low, max(low, min(high, extent)), kept)


def _start(index: Affine, columns: Group, place: Place) -> int | None:
    """The known value of a plain index of the columns where its axes are bound."""
    steps = dict(columns.steps)
    if not index.is_plain or not isinstance(index.const, int):
        return None
    if index.axes != steps.keys() or any(index.coef(n) != s for n, s in columns.steps):
        return None
    bound = [(place.at.get(n), s) for n, s in columns.steps]
    if any(not isinstance(v, int) for v, _ in bound):
        return None
    return index.const + sum(v * s for v, s in bound if isinstance(v, int))


def rebuild_index(index: Affine | Expr, where: Mapping[str, Affine]) -> Affine | Expr:
    """An index with axes renamed."""
    if isinstance(index, Affine):
        return rename(index, where)
    return rebuild([index], None, where)[index]


def _together(body: Body, parts: Sequence[tuple[Store, list[Loop]]]) -> None:
    """Stores over ranges that differ only in the last loop, which is run in vectors."""
    _, loops = parts[0]
    if not loops:
        with body.scope({}):
            return body.store(parts[0][0])
    (name, low, high), rest = loops[0], loops[1:]
    if not rest:
        for s, ((_, first, last),) in parts:
            _in_vectors(body, s, name, first, last)
        return None
    inner = [(s, x[1:]) for s, x in parts]

    def one(i: Number, _: list[str]) -> None:
        with body.scope({name: i}):
            _together(body, inner)

    body.f.loop(low, high, 1, one)
    return None


def _in_vectors(body: Body, s: Store, name: str, low: Number, high: Number) -> None:
    f, width = body.f, body.place.width
    wide = GROUPS * width
    length = f.sub(high, low)

    def at(base: Number, groups: int, left: Number | None) -> None:
        with body.scope({}, Lanes(name, base, groups, left)):
            body.store(s)

    whole = f.add(low, f.mul(f.div(length, wide), wide))
    f.loop(low, whole, wide, lambda i, _: at(i, GROUPS, None))
    if isinstance(length, int):
        groups, left = length % wide // width, length % width
        if groups:
            at(whole, groups, None)
        if left:
            at(f.add(whole, groups * width), 1, left)
        return
    f.loop(whole, high, width, lambda i, _: at(i, 1, f.sub(high, i)))
