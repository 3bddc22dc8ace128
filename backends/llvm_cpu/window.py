"""Filling boxes: guards become zeros and prologues run while the copy is made, once per item.

What a box covers is `operands.Box`; the loops here are those of a small map without reductions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc.kernels.build import affine_scale, affine_sum, as_index, load, store
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Load, Store
from graphc.kernels.walk import rebuild

from .body import Body
from .operands import Box, Group
from .place import Lanes, Place
from .types import Number

GROUPS = 4
"""Vectors that are copied side by side."""
Loop = tuple[str, Number, Number]
"""(axis, first, past the last)"""


def fill(place: Place, box: Box, pointer: str, extents: Mapping[str, Number]) -> None:
    """Write the box at the bound axes; `extents` are the values of its axes that exist here."""
    s, loops = _by_groups(box, place, extents)
    run = _as_run(box, place.width) if _is_whole(box, extents) else None
    if run:
        s, loops = run[0], loops[:-2] + run[1]
    named = {n: Axis(n, high) for n, _, high in loops if isinstance(high, int)}
    inner = Place(
        place.f,
        [*place.axes.values(), *(named.get(n, Axis(n, box.elements)) for n, _, _ in loops)],
        {**place.pointers, s.buffer.name: pointer},
        place.sizes,
    )
    inner.at = dict(place.at)
    sweep(Body(inner), s, loops)


def _names(box: Box) -> list[str]:
    return [f"box{i}" for i in range(len(box.groups))]


def _by_groups(box: Box, place: Place, extents: Mapping[str, Number]) -> tuple[Store, list[Loop]]:
    """box[d0, d1, ...] = value at the coordinates origin + d."""
    where: dict[str, Affine] = {}
    loops: list[Loop] = []
    for name, group in zip(_names(box), box.groups):
        if box.extent(group) > 1:
            where[group.anchor] = _moved(box, group, name)
            loops.append((name, *_range(box, group, place, extents)))
    value = rebuild([box.value], None, where)[box.value]
    moving = {n for n, _, _ in loops}
    index = [as_index(n if n in moving else 0) for n in _names(box)]
    target = Buffer("box", box.dtype, box.shape)
    return store(target, index, value), loops


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


def _as_run(box: Box, width: int) -> tuple[Store, list[Loop]] | None:
    """The last two coordinates as one dense run: 0 <= w < W is 0 <= w*C + c < W*C.

    Good where there are fewer channels than lanes. None unless the value is a plain load whose last
    dimension is covered whole.
    """
    e = box.value
    if not isinstance(e, Load) or len(box.groups) < 2 or e.exact:
        return None
    columns, channels = box.groups[-2:]
    *_, columns_size, count = e.buffer.shape
    last, before = e.index[-1], e.index[-2]
    whole = last == as_index(channels.anchor) and box.extent(channels) == count
    if not whole or not isinstance(before, Affine) or not before.is_plain:
        return None
    if not isinstance(count, int) or count >= width or len(e.index) - 1 in e.checked:
        return None
    if before.axes != {n for n, _ in columns.steps} or box.extent(columns) == 1:
        return None
    if before.coef(columns.anchor) != columns.sign:
        return None
    start = affine_sum(before, box.low(columns))
    run = affine_sum(affine_scale(start, count), as_index("run"))
    where = {
        g.anchor: _moved(box, g, n)
        for n, g in list(zip(_names(box), box.groups))[:-2]
        if box.extent(g) > 1
    }
    outer = [rebuild_index(i, where) for i in e.index[:-2]]
    shape = (*e.buffer.shape[:-2], columns_size * count)
    value = load(replace(e.buffer, shape=shape), *outer, run, checked=e.checked, fill=e.fill)
    extent = box.extent(columns) * count
    target = Buffer("box", box.dtype, (*box.shape[:-2], extent))
    index = [as_index(n if box.extent(g) > 1 else 0) for n, g in zip(_names(box), box.groups[:-2])]
    return store(target, [*index, "run"], value), [("run", 0, extent)]


def rebuild_index(index: Affine | Expr, where: Mapping[str, Affine]) -> Affine | Expr:
    """An index with axes renamed."""
    if isinstance(index, Affine):
        terms = [affine_scale(where.get(n, as_index(n)), c) for n, c in index.terms]
        return replace(affine_sum(*terms, index.const), div=index.div, mod=index.mod)
    return rebuild([index], None, where)[index]


def sweep(body: Body, s: Store, loops: Sequence[Loop]) -> None:
    """Store over the ranges of all axes, the last one in vectors."""
    if not loops:
        with body.scope({}):
            body.store(s)
        return
    (name, low, high), rest = loops[0], loops[1:]
    if rest:

        def one(i: Number, _: list[str]) -> None:
            with body.scope({name: i}):
                sweep(body, s, rest)

        body.f.loop(low, high, 1, one)
        return
    _in_vectors(body, s, name, low, high)


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
