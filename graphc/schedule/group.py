"""Groups of nodes that become one kernel, with the axes that their tensors share.

An axis is a number; `Axes` knows its size and which axes were found to be the same. A *place* is
the tuple of axes at which a tensor is used, one per dimension (None where only element 0 is).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from graphc.ir.dim import Shape, Size, may_equal
from graphc.ir.node import Node, Tensor

Place = tuple[int | None, ...]
Strictness = Literal["inline", "operand", "buffer"]


class Axes:
    """All axes of a schedule; some turn out to be the same one."""

    def __init__(self) -> None:
        self.size: list[Size] = []
        self._parent: list[int] = []

    def new(self, size: Size) -> int:
        """Another axis."""
        self.size.append(size)
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def find(self, axis: int) -> int:
        """The one number of an axis."""
        while self._parent[axis] != axis:
            axis = self._parent[axis]
        return axis

    def join(self, a: int, b: int) -> None:
        """Make two axes one; the older number stays."""
        first, second = sorted((self.find(a), self.find(b)))
        self._parent[second] = first
        if isinstance(self.size[second], int):
            self.size[first] = self.size[second]

    def at(self, place: Place) -> Place:
        """The place in current numbers."""
        return tuple(None if a is None else self.find(a) for a in place)

    def place(self, shape: Shape) -> Place:
        """New axes for every dimension; none for those of size 1."""
        return tuple(None if s == 1 else self.new(s) for s in shape)

    def set(self, place: Place) -> frozenset[int]:
        """The axes of a place."""
        return frozenset(self.find(a) for a in place if a is not None)

    def fit(self, a: Place, b: Place) -> list[tuple[int, int]] | None:
        """The pairs of axes that have to be one for two places to be the same; None if never."""
        pairs: list[tuple[int, int]] = []
        for x, y in zip(self.at(a), self.at(b), strict=True):
            if (x is None) != (y is None):
                return None
            if x is not None and y is not None and x != y:
                if not may_equal(self.size[x], self.size[y]):
                    return None
                pairs.append((x, y))
        return pairs


@dataclass(eq=False)
class Group:
    """Nodes of one kernel. `stores` are the tensors it writes, `bound` the axes reductions remove,
    `rows` the axes that one work item must hold because a reduction over them is read again,
    `contracted` the place of the contraction's result."""

    serial: int
    kind: Literal["kernel", "scatter", "opaque"] = "kernel"
    nodes: dict[Node, None] = field(default_factory=dict)
    stores: dict[Tensor, Place] = field(default_factory=dict)
    bound: dict[Node, tuple[int, ...]] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    rows: frozenset[int] = frozenset()
    contraction: Node | None = None
    contracted: Place = ()
    reductions: int = 0
    windows: int = 0
    successors: set[Group] = field(default_factory=set)
    merged_into: Group | None = None

    def current(self) -> Group:
        """The group that this one is part of by now."""
        group = self
        while group.merged_into is not None:
            group = group.merged_into
        return group

    def next_groups(self) -> set[Group]:
        """The groups that read what this one stores."""
        found = {g.current() for g in self.successors}
        found.discard(self)
        self.successors = found
        return found

    def reaches(self, other: Group) -> bool:
        """Whether another group needs this one's results, directly or through others."""
        seen: set[Group] = {self}
        stack: list[Group] = [self]
        while stack:
            for g in stack.pop().successors:
                while g.merged_into is not None:
                    g = g.merged_into
                if g is other and other is not self:
                    return True
                if g not in seen:
                    seen.add(g)
                    stack.append(g)
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """How a group reads a tensor: where (None: at a computed or shifted index), `inside`, all axes
    of points that depend on the value there, and how `long` the way of index maps to it is."""

    group: Group
    place: Place | None
    inside: frozenset[int]
    strict: Strictness = "inline"
    long: int = 0

    def now(self) -> Use:
        """The same use, of what the group is part of by now."""
        group = self.group.current()
        return self if group is self.group else replace(self, group=group)


@dataclass(frozen=True, slots=True)
class Decision:
    """A fusion done or refused, with the reason."""

    fused: bool
    producer: str
    consumer: str
    because: str

    def __str__(self) -> str:
        """One line for people."""
        verb = "fused into" if self.fused else "kept apart from"
        return f"{self.producer} {verb} {self.consumer}: {self.because}"
