"""Boxes in rows: a layered drawing of a graph without circles, from top to bottom.

    rows by longest path -> points on long arrows -> order in rows -> x of each item -> y of rows

(Sugiyama, Tagawa and Toda 1981.) Order comes from barycentres; x from the mean of the neighbours,
as near to it as the order and the widths allow. Frames are laid out first and then are items here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx

SWEEPS = 6
CENTRE = 0.97  # boxes go a little to the middle each time, or long chains drift to one side
POINT = 8.0  # the width that an arrow takes where it passes a row

Item = str | tuple[str, str, int]  # an item, or the point of an arrow in a row
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Space:
    """Distances between items of a row, and between rows."""

    across: float
    down: float


@dataclass(frozen=True, slots=True)
class Placed:
    """Centres of items, and for each arrow the points (top and bottom of each row) it passes."""

    centres: Mapping[str, tuple[float, float]]
    bends: Mapping[Edge, tuple[tuple[float, float], ...]]
    width: float
    height: float


def place(
    sizes: Mapping[str, Size], edges: Iterable[Edge], space: Space,
    first: frozenset[str] = frozenset(), last: frozenset[str] = frozenset(),
) -> Placed:  # fmt: skip
    """Positions for items of these sizes; those of `first` and `last` are in rows at the ends."""
    arrows = [e for e in dict.fromkeys(edges) if e[0] != e[1]]
    rank = _ranks(list(sizes), arrows, first, last)
    paths = {e: _path(e, rank) for e in arrows}
    rows = _rows(sizes, rank, paths)
    links = [pair for path in paths.values() for pair in pairwise(path)]
    above, below = _neighbours(links)
    _order(rows, above, below)
    widths = {i: _width(i, sizes) for row in rows for i in row}
    x = _across(rows, above, below, widths, space.across)
    tops, heights = _down(rows, sizes, space.down)
    left = min((x[i] - widths[i] / 2 for i in x), default=0.0)
    right = max((x[i] + widths[i] / 2 for i in x), default=0.0)
    centres = {n: (x[n] - left, tops[rank[n]] + heights[rank[n]] / 2) for n in sizes}
    bends = {e: _bends(path, x, left, tops, heights) for e, path in paths.items()}
    return Placed(centres, bends, right - left, tops[-1] + heights[-1] if rows else 0.0)


def _width(item: Item, sizes: Mapping[str, Size]) -> float:
    return sizes[item].width if isinstance(item, str) else POINT


# ---------------------------------------------------------------------------- rows


def _ranks(
    names: Sequence[str], edges: Sequence[Edge], first: frozenset[str], last: frozenset[str]
) -> dict[str, int]:
    """The row of each item: the longest path to it, then down where that shortens arrows."""
    graph = networkx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    forced = graph.copy()
    forced.add_edges_from((a, b) for a in first for b in names if b not in first)
    forced.add_edges_from((a, b) for b in last for a in names if a not in last)
    rows = list(networkx.topological_generations(forced))
    rank = {n: i for i, row in enumerate(rows) for n in row}
    for row in reversed(rows):
        for n in row:
            after = [rank[b] for b in graph.successors(n)]
            if n not in first and len(after) > graph.in_degree(n):
                rank[n] = min(after) - 1
    return rank


def _path(edge: Edge, rank: Mapping[str, int]) -> tuple[Item, ...]:
    a, b = edge
    return (a, *((a, b, r) for r in range(rank[a] + 1, rank[b])), b)


def _rows(
    sizes: Mapping[str, Size], rank: Mapping[str, int], paths: Mapping[Edge, tuple[Item, ...]]
) -> list[list[Item]]:
    rows: list[list[Item]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for n in sizes:
        rows[rank[n]].append(n)
    for (a, _), path in paths.items():
        for step, item in enumerate(path[1:-1], start=1):
            rows[rank[a] + step].append(item)
    return rows


Neighbours = dict[Item, list[Item]]


def _neighbours(links: Iterable[tuple[Item, Item]]) -> tuple[Neighbours, Neighbours]:
    above: Neighbours = {}
    below: Neighbours = {}
    for a, b in links:
        below.setdefault(a, []).append(b)
        above.setdefault(b, []).append(a)
    return above, below


# ---------------------------------------------------------------------------- order and x


def _order(rows: list[list[Item]], above: Neighbours, below: Neighbours) -> None:
    """Sort each row by the mean position of the neighbours in the row before, down and up."""
    position: dict[Item, float] = {}
    for row in rows:
        _number(row, position)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for row in rows if down else reversed(rows):
            row.sort(key=lambda i: _mean([position[j] for j in near.get(i, [])], position[i]))
            _number(row, position)


def _number(row: Sequence[Item], position: dict[Item, float]) -> None:
    """Positions from 0 to 1, so that long and short rows can be compared."""
    for n, item in enumerate(row):
        position[item] = (n + 0.5) / len(row)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _across(
    rows: list[list[Item]], above: Neighbours, below: Neighbours, widths: Mapping[Item, float],
    gap: float,
) -> dict[Item, float]:  # fmt: skip
    """Centres: each row in turn as near as it can be to the means of its neighbours."""
    x: dict[Item, float] = {}
    for row in rows:
        _pack(row, dict.fromkeys(row, 0.0), widths, gap, x)
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            near = (above, below) if down else (below, above)
            wished = {}
            for i in row:
                found = near[0].get(i) or near[1].get(i, [])
                pull = CENTRE if isinstance(i, str) else 1.0
                wished[i] = pull * _mean([x[j] for j in found], x[i])
            _pack(row, wished, widths, gap, x)
    return x


def _pack(
    row: Sequence[Item], wished: Mapping[Item, float], widths: Mapping[Item, float], gap: float,
    x: dict[Item, float],
) -> None:  # fmt: skip
    """The positions nearest to the wished ones (least squares) that keep order and distance."""
    offsets: list[float] = []
    reached = 0.0
    for n, item in enumerate(row):
        reached += (widths[row[n - 1]] + widths[item]) / 2 + gap if n else 0.0
        offsets.append(reached)
    # Blocks that touch move together: (sum of wishes, number of items).
    blocks: list[tuple[float, int]] = []
    for item, offset in zip(row, offsets):
        blocks.append((wished[item] - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = blocks[-1][0] + total, blocks[-1][1] + count
    starts = [total / count for total, count in blocks for _ in range(count)]
    x.update((item, start + offset) for item, start, offset in zip(row, starts, offsets))


# ---------------------------------------------------------------------------- y


def _down(
    rows: list[list[Item]], sizes: Mapping[str, Size], gap: float
) -> tuple[list[float], list[float]]:
    """Top and height of each row."""
    heights = [max((sizes[i].height for i in r if isinstance(i, str)), default=0.0) for r in rows]
    tops = [0.0]
    for height in heights[:-1]:
        tops.append(tops[-1] + height + gap)
    return tops, heights


def _bends(
    path: Sequence[Item], x: Mapping[Item, float], left: float, tops: Sequence[float],
    heights: Sequence[float],
) -> tuple[tuple[float, float], ...]:  # fmt: skip
    found = []
    for item in path[1:-1]:
        row = item[2]
        assert isinstance(row, int), "what lies between the ends is a point in a row"
        found += [(x[item] - left, tops[row]), (x[item] - left, tops[row] + heights[row])]
    return tuple(found)
