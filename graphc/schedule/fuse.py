"""Fusion: which nodes form one kernel, and which tensors are written to memory.

Nodes are taken from outputs to inputs. Each carries a list of uses: by which group, at which place.
A node joins the group of its readers if one kernel can compute it there at no extra cost; else its
output is stored, in a group that also reads it if that makes no circle, or in one of its own.

Legal is (see `legal.py`): a pointwise value anywhere at the same place; a reduction whose result is
read again at the axes it removes only if these fit into one work item; one contraction per group,
whose other members work on its output element by element. Every decision is kept with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from graphc.ir.graph import Graph, users
from graphc.ir.node import Node, Tensor

from . import classify, legal, uses_of
from .classify import Facts, elements, kind_of
from .group import Axes, Decision, Group, Place, Use

LIMIT = 96  # nodes of one kernel: above it registers spill and compile time grows


class Fusion:
    """The groups of a graph; `run` forms them."""

    def __init__(self, graph: Graph, enabled: bool = True) -> None:
        self.graph, self.enabled = graph, enabled
        self.axes = Axes()
        self.groups: list[Group] = []
        self.decisions: list[Decision] = []
        self.uses: dict[Tensor, list[Use]] = {}
        self.home: dict[Tensor, Group] = {}  # stored tensor -> the group that writes it
        self.outputs = set(graph.outputs)
        self.readers = users(graph.nodes)
        self.facts = Facts(graph.nodes, self.readers)
        self.windows: dict[tuple[object, ...], tuple[Group, Place]] = {}

    def run(self) -> list[Group]:
        """All groups, in an order in which they can run."""
        for node in reversed(self.graph.nodes):
            kind = kind_of(node)
            wanted = any(t in self.outputs or t in self.uses for t in node.outputs)
            if not wanted:
                continue
            if kind == "leaf":
                self._leaf(node)
            elif kind == "opaque":
                self._opaque(node)
            elif kind == "free":
                self._free(node)
            elif kind == "scatter":
                self._own(node, "scatter")
            else:
                self._compute(node)
        return in_order([g for g in self.groups if g.merged_into is None])

    # ------------------------------------------------------------------ kinds of nodes

    def _leaf(self, node: Node) -> None:
        t = node.output()
        if t in self.outputs:
            self._own(node, "kernel")
        elif self.enabled:
            self._merge_readers(t)

    def _opaque(self, node: Node) -> None:
        group = self._new("opaque")
        group.nodes[node] = None
        for t in node.outputs:
            self._store(t, group, ())
        for t in node.inputs:
            self._use(t, Use(group, None, frozenset(), "buffer"))

    def _free(self, node: Node) -> None:
        t = node.output()
        found = self.uses.get(t, [])
        strict = {u.strict for u in found}
        choice = node.op in uses_of.CHOICES
        far = bool(node.inputs) and _longest(found) >= uses_of.LONGEST
        if far or t in self.outputs or "buffer" in strict or (choice and "operand" in strict):
            self._own(node, "kernel")
            return
        for use in self.uses.pop(t, []):
            for x, new in uses_of.through(node, use):
                self._use(x, new)

    def _own(self, node: Node, kind: str) -> None:
        """Store the output of a node in a group of its own."""
        t = node.output()
        group = self._new("scatter" if kind == "scatter" else "kernel")
        self._store(t, group, self.axes.place(t.shape))
        if kind_of(node) != "leaf":
            self._enter(node, group, group.stores[t], frozenset())

    def _compute(self, node: Node) -> None:
        t = node.output()
        found = [u.now() for u in self.uses.get(t, [])]
        must_store = t in self.outputs or any(u.strict != "inline" for u in found)
        if not self.enabled:
            self._own(node, "kernel")
        elif must_store or not self._inline(node, found):
            self._store_somewhere(node, found)

    # ------------------------------------------------------------------ joining readers

    def _inline(self, node: Node, found: list[Use]) -> bool:
        """Compute the node inside all of its readers, if that is possible and cheap enough."""
        groups = list(dict.fromkeys(u.group for u in found))
        if len(groups) > 1 and self._merge_all(groups, found):
            found = [u.now() for u in found]
            groups = list(dict.fromkeys(u.group for u in found))
        if len(groups) > 1 and not self._is_cheap(node):
            self._decide(False, node, groups, "several kernels read it")
            return False
        plans = [(g, [u for u in found if u.group is g]) for g in groups]
        for group, mine in plans:
            if because := self._refusal(node, group, mine):
                self._decide(False, node, [group], because)
                return False
        for group, mine in plans:
            self._join(node, group, mine)
        self.uses.pop(node.output(), None)
        return True

    def _join(self, node: Node, group: Group, mine: list[Use]) -> None:
        place = self._common_place(group, mine)
        inside = frozenset().union(*(u.inside for u in mine))
        self._decide(True, node, [group], "computed where it is read")
        self._enter(node, group, place, inside, _longest(mine))

    def _store_somewhere(self, node: Node, found: list[Use]) -> None:
        t = node.output()
        # What was tried before may have merged readers.
        found = [u.now() for u in found]
        for group in dict.fromkeys(u.group for u in found):
            mine = [u for u in found if u.group is group and u.strict == "inline"]
            others = {u.group for u in found if u.group is not group}
            if not mine or any(u.group is group and u.strict != "inline" for u in found):
                continue
            if group.kind != "kernel":
                continue
            if any(u.place is None for u in mine) or self._refusal(node, group, mine, stored=True):
                continue
            if any(h.reaches(group) for h in others):
                continue
            place = self._common_place(group, mine)
            if place is None or len(self.axes.set(place)) != sum(a is not None for a in place):
                continue
            inside = frozenset().union(*(u.inside for u in mine))
            self._decide(True, node, [group], "written by a kernel that reads it")
            self._store(t, group, place)
            self._enter(node, group, place, inside, _longest(mine))
            self._merge_readers(t)
            return
        group = self._new("kernel")
        self._store(t, group, self.axes.place(t.shape))
        self._enter(node, group, group.stores[t], frozenset())
        self._merge_readers(t)
        if kind_of(node) == "window":
            self._merge_windows(node, group)

    def _refusal(self, node: Node, group: Group, mine: list[Use], stored: bool = False) -> str:
        """Why a node cannot join a group, or an empty text."""
        if group.kind == "opaque" or (group.kind == "scatter" and kind_of(node) != "point"):
            return "the reader is a step of its own"
        if len(group.nodes) >= LIMIT:
            return "the kernel is large enough"
        place = self._common_place(group, mine)
        if place is None:
            cheap = kind_of(node) == "point" and self._is_cheap(node) and group.contraction is None
            return "" if cheap else "it is read at shifted or several places"
        inside = frozenset().union(*(u.inside for u in mine))
        wide = frozenset(map(self.axes.find, inside)) | self.axes.set(place)
        return legal.refusal(node, legal.Spot(group, place, wide, stored), self.axes, self.facts)

    # ------------------------------------------------------------------ merging groups

    def _merge_all(self, groups: list[Group], found: list[Use]) -> bool:
        """Make the readers of one value one group."""
        first, *rest = groups
        for other in rest:
            a = next(u for u in found if u.group.current() is first.current())
            b = next(u for u in found if u.group.current() is other.current())
            if not self._merge(first.current(), other.current(), a.place, b.place):
                return False
        return True

    def _merge_readers(self, t: Tensor) -> None:
        """Kernels that read the same large tensor at the same place become one."""
        found = [u for u in self.uses.get(t, []) if u.strict == "inline" and u.place is not None]
        if elements(t.shape) < 4096:
            return
        kept: list[Use] = []
        for u in found:
            group = u.group.current()
            if not any(self._merge(k.group.current(), group, k.place, u.place) for k in kept):
                kept.append(u)

    def _merge_windows(self, node: Node, group: Group) -> None:
        """The maximum of windows and its place are found in one pass."""
        names = ("window", "strides", "padding", "dilation")
        key = (node.inputs[0], *(node.attrs[n] for n in names))
        place = group.stores[node.output()]
        if key not in self.windows:
            self.windows[key] = group, place
            return
        other, there = self.windows[key]
        self._merge(other.current(), group.current(), there, place)

    def _merge(self, a: Group, b: Group, at: Place | None, bt: Place | None) -> bool:
        if a is b:
            return True
        if at is None or bt is None or (pairs := self.axes.fit(at, bt)) is None:
            return False
        if a.contraction or b.contraction or a.kind != "kernel" or b.kind != "kernel":
            return False
        if len(a.nodes) + len(b.nodes) > LIMIT or a.reaches(b) or b.reaches(a):
            return False
        mine, theirs = self._all_axes(a), self._all_axes(b)
        swap = {y: x for x, y in pairs}
        renamed = frozenset(swap.get(y, y) for y in theirs)
        if not (renamed <= mine or mine <= renamed or legal.share_rows(self.axes, mine, renamed)):
            return False
        rows = frozenset(map(self.axes.find, a.rows)), frozenset(map(self.axes.find, b.rows))
        if all(rows) and not (rows[0] <= rows[1] or rows[1] <= rows[0]) and not pairs:
            return False
        self._absorb(a, b, pairs)
        return True

    def _absorb(self, a: Group, b: Group, pairs: list[tuple[int, int]]) -> None:
        for x, y in pairs:
            self.axes.join(x, y)
        a.nodes |= b.nodes
        a.stores |= b.stores
        a.bound |= b.bound
        a.places += b.places
        a.rows |= b.rows
        a.reductions += b.reductions
        a.windows += b.windows
        a.successors |= b.successors
        b.merged_into = a
        for t in b.stores:
            self.home[t] = a

    # ------------------------------------------------------------------ small steps

    def _common_place(self, group: Group, mine: list[Use]) -> Place | None:
        """The one place at which a group reads a value; axes of reductions are made equal to it."""
        places = [u.place for u in mine]
        first = places[0]
        if first is None:
            return None
        for other in places[1:]:
            if other is None or (pairs := self.axes.fit(first, other)) is None:
                return None
            if pairs and not self._may_join(group, pairs):
                return None
            for x, y in pairs:
                self.axes.join(x, y)
        return self.axes.at(first)

    def _may_join(self, group: Group, pairs: list[tuple[int, int]]) -> bool:
        """Whether no tensor of the group is used at both axes of a pair."""
        used = [self.axes.set(p) for p in (*group.places, *group.stores.values())]
        return not any(x in s and y in s for s in used for x, y in pairs)

    def _enter(
        self, node: Node, group: Group, place: Place | None, inside: frozenset[int], long: int = 0
    ) -> None:
        """Make a node part of a group, and pass its uses on to its inputs."""
        kind = kind_of(node)
        group.nodes[node] = None
        if place is not None:
            group.places.append(place)
        sizes = classify.bound_sizes(node)
        bound = tuple(self.axes.new(s) for s in sizes)
        if bound:
            group.bound[node] = bound
        if kind == "reduce" and place is not None:
            group.reductions += 1
            back = frozenset(map(self.axes.find, inside)) - self.axes.set(place)
            group.rows |= (back | frozenset(bound)) if back else back
        if kind == "window":
            group.windows += 1
        if kind == "contract":
            assert place is not None, "a contraction is computed at one place"
            group.contraction, group.contracted = node, place
        use = Use(group, place, inside, long=long)
        for x, new in uses_of.from_node(node, use, self.axes, bound):
            if new.place is not None:
                group.places.append(new.place)
            self._use(x, new)

    def _use(self, t: Tensor, use: Use) -> None:
        self.uses.setdefault(t, []).append(use)

    def _store(self, t: Tensor, group: Group, place: Place) -> None:
        group.stores[t] = place
        self.home[t] = group
        for use in self.uses.get(t, []):
            reader = use.group.current()
            if reader is not group:
                group.successors.add(reader)

    def _new(self, kind: str) -> Group:
        group = Group(len(self.groups), kind)  # pyright: ignore[reportArgumentType]
        self.groups.append(group)
        return group

    def _all_axes(self, group: Group) -> frozenset[int]:
        found: set[int] = set()
        for p in (*group.places, *group.stores.values()):
            found |= self.axes.set(p)
        return frozenset(found)

    def _is_cheap(self, node: Node) -> bool:
        """Reading its one large input again costs no more than reading the value."""
        if classify.widens(node):
            return True
        if node.op not in classify.CHEAP or node in self.facts.from_contraction:
            return False
        size = elements(node.types[0].shape)
        large = [t for t in node.inputs if not self._is_small(t, size)]
        return len(large) <= 1 and all(map(self._is_in_memory, large))

    def _is_in_memory(self, t: Tensor) -> bool:
        """Whether a tensor is likely stored anyway, so that reading it again is no new store."""
        while kind_of(t.node) == "free" and t.node.inputs:
            t = t.node.inputs[0]
        alone = len(self.readers.get(t, ())) == 1
        if kind_of(t.node) != "point" or not alone:
            return True
        return t.node.op in classify.CHEAP and self._is_cheap(t.node)

    def _is_small(self, t: Tensor, size: int) -> bool:
        while kind_of(t.node) == "free" and t.node.inputs:
            t = t.node.inputs[0]
        return kind_of(t.node) == "free" or elements(t.shape) * classify.SMALL <= size

    def _decide(self, fused: bool, node: Node, readers: Iterable[Group], because: str) -> None:
        names = ", ".join(dict.fromkeys(self._name(g) for g in readers))
        self.decisions.append(Decision(fused, node.label, names or "outputs", because))

    def _name(self, group: Group) -> str:
        first = next(iter(group.current().nodes), None)
        return first.label if first is not None else f"group {group.serial}"


def _longest(uses: Iterable[Use]) -> int:
    return max((u.long for u in uses), default=0)


def in_order(groups: list[Group], last: frozenset[Group] = frozenset()) -> list[Group]:
    """Groups before the groups that read them, those of `last` as late as possible.

    Groups were made from outputs to inputs, so among ready ones the last made runs first.
    """
    waiting = dict.fromkeys(groups, 0)
    for g in groups:
        for h in g.next_groups():
            waiting[h] += 1
    ready = [(g in last, -g.serial, g) for g in groups if not waiting[g]]
    heapify(ready)
    done: list[Group] = []
    while ready:
        *_, g = heappop(ready)
        done.append(g)
        for h in g.next_groups():
            waiting[h] -= 1
            if not waiting[h]:
                heappush(ready, (h in last, -h.serial, h))
    assert len(done) == len(groups), "groups form no circle"
    return done
