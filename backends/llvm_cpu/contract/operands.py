"""How a contraction's micro-kernel walks its operands: in place, from a box, or from panels.

An operand is a base address and a step in elements per axis. Boxes are filled by `nest/window.py`,
panels by `pack.py`; who gets which is decided in `emit.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd, prod
from typing import Protocol

from graphc.dtypes import DType
from graphc.ir.dim import Shape, Size, product, strides_of
from graphc.kernels.build import compute_dtype
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Affine, Coord, Expr, Load
from graphc.kernels.walk import walk


class Operand(Protocol):
    """Something the micro-kernel reads."""

    @property
    def dtype(self) -> DType:
        """What its memory holds."""
        ...

    def step(self, axis: str) -> Size:
        """Elements further per step of an axis."""
        ...


@dataclass(frozen=True, slots=True)
class InPlace:
    """A plain load: no guard, every axis at a fixed step."""

    load: Load

    @property
    def dtype(self) -> DType:
        """What its memory holds."""
        return self.load.buffer.dtype

    def step(self, axis: str) -> Size:
        """Elements further per step of an axis."""
        step = address_coef(self.load.buffer, self.load.index, axis)
        assert step is not None, "an operand in place has fixed steps"
        return step


def in_place(e: Expr) -> InPlace | None:
    """The expression as an operand that needs no copy, if it is one."""
    if not isinstance(e, Load) or e.checked or e.exact:
        return None
    if not all(isinstance(i, Affine) and i.is_plain for i in e.index):
        return None
    return InPlace(e) if compute_dtype(e.buffer.dtype) is e.dtype else None


@dataclass(frozen=True, slots=True)
class Panels:
    """Copies of all panels of `b`: [batch..., outer n..., panel, k..., lane], zeros at the end.

    Where lanes run along the sum, they are copies of columns: [batch..., n..., k...].
    """

    dtype: DType
    axes: tuple[str, ...]
    """Batch and outer n axes, then the empty name for the panel, then the axes of the sum."""
    shape: Shape
    """One size per axis, then the width of a panel."""

    def step(self, axis: str) -> Size:
        """Elements further per step of an axis; "" is the number of the panel."""
        return product(self.shape[self.axes.index(axis) + 1 :]) if axis in self.axes else 0

    @property
    def elements(self) -> Size:
        """The size of the whole scratch buffer."""
        return product(self.shape)


# ---------------------------------------------------------------------------- boxes


@dataclass(frozen=True, slots=True)
class Group:
    """Axes that reach memory only as one coordinate, sum step * axis; `anchor` has step 1 or -1.

    The rows and taps of a window are such a group: i * stride + p.
    """

    steps: tuple[tuple[str, int], ...]
    anchor: str

    @property
    def sign(self) -> int:
        """The step of the anchor."""
        return dict(self.steps)[self.anchor]


def groups_of(e: Expr, order: tuple[str, ...]) -> tuple[Group, ...]:
    """The coordinates of an expression, as its largest load walks memory.

    Axes whose indices are no multiples of one another are coordinates of their own.
    """
    indices = _indices(e)
    sets: list[frozenset[str]] = [frozenset([n]) for n in order if n in e.free]
    for i in indices:
        touching = [s for s in sets if s & i.axes]
        sets = [s for s in sets if s not in touching]
        sets += [frozenset[str]().union(*touching)] if touching else []
    found = [g for s in sets for g in _as_groups(s, indices, order)]
    loads = [x for x in walk((e,)) if isinstance(x, Load)]
    widest = max(loads, key=lambda x: len(x.free), default=None)
    dims = [i.axes if isinstance(i, Affine) else i.free for i in widest.index] if widest else []
    place = {n: d for d, axes in enumerate(dims) for n in axes}
    return tuple(sorted(found, key=lambda g: (place.get(g.anchor, -1), order.index(g.anchor))))


def _indices(e: Expr) -> list[Affine]:
    found: list[Affine] = []
    for x in walk((e,)):
        if isinstance(x, Load):
            found += [i for i in x.index if isinstance(i, Affine)]
        elif isinstance(x, Coord):
            found.append(x.index)
    return found


def _as_groups(axes: frozenset[str], indices: list[Affine], order: tuple[str, ...]) -> list[Group]:
    names = [n for n in order if n in axes]
    apart = [Group(((n, 1),), n) for n in names]
    rows = [[i.coef(n) for n in names] for i in indices if i.axes & axes]
    known = [[c for c in row if isinstance(c, int)] for row in rows]
    if len(names) == 1 or not known or any(len(r) != len(names) for r in known):
        return apart
    by = gcd(*known[0])
    steps = [c // by for c in known[0]]
    if any(a * steps[0] != row[0] * s for row in known for a, s in zip(row, steps)):
        return apart
    anchor = next((n for n, s in zip(names, steps) if abs(s) == 1), None)
    return [Group(tuple(zip(names, steps)), anchor)] if anchor else apart


@dataclass(frozen=True, slots=True)
class Box:
    """A dense copy of what one item reads of `a`, row-major over its groups.

    `spans` says how many values of each axis it covers, from where the axis is bound.
    """

    value: Expr
    groups: tuple[Group, ...]
    spans: Mapping[str, int]
    pad: int = 0
    """Elements left free behind each row, so that rows do not share sets of a cache."""

    @property
    def dtype(self) -> DType:
        """What its memory holds."""
        return self.value.dtype

    def low(self, group: Group) -> int:
        """The least coordinate, relative to that of the bound axes."""
        return sum(min(0, step) * (self.spans[n] - 1) for n, step in group.steps)

    def extent(self, group: Group) -> int:
        """How many values of a coordinate are covered."""
        return 1 + sum(abs(step) * (self.spans[n] - 1) for n, step in group.steps)

    @property
    def shape(self) -> tuple[int, ...]:
        """One extent per group, the last with what is left free."""
        found = tuple(map(self.extent, self.groups))
        return (*found[:-1], found[-1] + self.pad) if self.pad else found

    @property
    def elements(self) -> int:
        """The size of the copy."""
        return prod(self.shape)

    def step(self, axis: str) -> Size:
        """Elements further per step of an axis."""
        strides = strides_of(self.shape)
        pairs = ((dict(g.steps).get(axis, 0), s) for g, s in zip(self.groups, strides))
        return sum((a * b for a, b in pairs), start=0)

    @property
    def first(self) -> int:
        """The element that belongs to the bound axes themselves."""
        pairs = zip(self.groups, strides_of(self.shape))
        return sum(-self.low(g) * s for g, s in pairs if isinstance(s, int))
