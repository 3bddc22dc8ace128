"""Values of the forward pass that the backward pass computes again instead of keeping them.

Which are kept is a minimum cut (Ford, Fulkerson 1956) of the forward graph between what may not be
done again and what the backward pass reads: the fewest bytes from which all of it follows. Chen,
Xu, Zhang, Guestrin 2016 recompute whole segments; a cut finds the segments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from graphc.ir.graph import Graph, graph, users
from graphc.ir.node import Node, Tensor, apply
from graphc.ops import control

from .classify import Kind, elements, kind_of


@dataclass(frozen=True, slots=True)
class Effort:
    """What may be computed again: kinds of nodes, and of products all but each `period`-th on a
    way. Values that are also read much later (around a residual block) are kept, unless `far`."""

    kinds: frozenset[Kind]
    far: bool = False
    period: int = 1


_POINTS: frozenset[Kind] = frozenset(("free", "point"))
_SUMS: frozenset[Kind] = frozenset((*_POINTS, "reduce", "window", "gather"))
_ALL: frozenset[Kind] = frozenset((*_SUMS, "contract"))
EFFORTS = (
    Effort(_POINTS),
    Effort(_SUMS),
    Effort(_SUMS, far=True),
    Effort(_ALL, period=2),
    Effort(_ALL, period=3),
    Effort(_ALL, period=4),
)
"""From little to much work."""


def recompute(given: Graph, effort: Effort) -> Graph:
    """The same outputs; the backward pass makes again what `effort` allows and a cut recommends."""
    facts = _Facts(given)
    again = _not_kept(facts, effort)
    if not again:
        return given
    return _Rebuilt(facts, again).graph()


class _Facts:
    """The two passes of a graph, and how many products lie on the longest way to each node."""

    def __init__(self, given: Graph) -> None:
        self.given = given
        self.readers = users(given.nodes)
        self.place = {node: i for i, node in enumerate(given.nodes)}
        self.is_backward: dict[Node, bool] = {}
        for node in given.nodes:
            later = node.source.role != "forward" or any(
                self.is_backward[t.node] for t in node.inputs
            )
            self.is_backward[node] = later and kind_of(node) != "leaf"

    @cached_property
    def level(self) -> dict[Node, int]:
        """Products on the longest way from the leaves. What the backward pass makes of the forward
        pass alone, as masks, takes the level of what reads it."""
        found: dict[Node, int] = {}
        waits: set[Node] = set()
        for node in self.given.nodes:
            is_product = kind_of(node) == "contract"
            found[node] = max((found[t.node] for t in node.inputs), default=0) + is_product
            behind = any(t.node in waits for t in node.inputs)
            if self.is_backward[node] and (is_product or behind):
                waits.add(node)
        for node in reversed(self.given.nodes):
            if self.is_backward[node] and node not in waits:
                later = [found[r] for t in node.outputs for r in self.readers.get(t, ())]
                found[node] = max(found[node], min(later, default=0))
        return found

    def is_far(self, node: Node) -> bool:
        """Whether the forward pass reads a value again after two more products."""
        found = (r for t in node.outputs for r in self.readers.get(t, ()))
        ahead = [self.level[r] for r in found if not self.is_backward[r]]
        return max(ahead, default=0) - self.level[node] >= 2

    def when(self, node: Node) -> tuple[int, int]:
        """An order in which nodes can run."""
        return self.level[node], self.place[node]


def _not_kept(facts: _Facts, effort: Effort) -> set[Node]:
    """The nodes of the forward pass that are computed again."""
    forward = [n for n in facts.given.nodes if not facts.is_backward[n]]
    needed = [n for n in forward if _is_read(n, facts) and kind_of(n) != "leaf"]
    if not needed:
        return set()
    outputs = {t.node for t in facts.given.outputs}
    network = nx.DiGraph()
    for n in forward:
        kind = kind_of(n)
        kept = kind == "leaf" or n in outputs
        network.add_edge((n, 0), (n, 1), capacity=0 if kept else _bytes(n))
        if kind == "leaf" or not _may_repeat(n, kind, facts, effort):
            network.add_edge("kept", (n, 0))
        for t in n.inputs:
            network.add_edge((t.node, 1), (n, 0))
    for n in needed:
        network.add_edge((n, 1), "read")
    flow = nx.algorithms.flow.boykov_kolmogorov
    _, (_, behind) = nx.minimum_cut(network, "kept", "read", flow_func=flow)
    return {n for n in forward if (n, 0) in behind and kind_of(n) != "leaf"}


def _is_read(node: Node, facts: _Facts) -> bool:
    return any(facts.is_backward[r] for t in node.outputs for r in facts.readers.get(t, ()))


def _may_repeat(node: Node, kind: Kind, facts: _Facts, effort: Effort) -> bool:
    far = kind != "free" and facts.is_far(node)
    if kind not in effort.kinds or (far and not effort.far):
        return False
    return kind != "contract" or facts.level[node] % effort.period != 0


def _bytes(node: Node) -> int:
    return sum(elements(t.shape) * t.dtype.itemsize for t in node.types)


@dataclass(slots=True)
class _Rebuilt:
    """The graph whose backward pass reads new nodes in place of `again`."""

    facts: _Facts
    again: set[Node]

    def graph(self) -> Graph:
        """Backward nodes in an order in which they can run, each on what it shall read."""
        facts = self.facts
        first = self._first_readers()
        products = sorted(
            (n for n in facts.given.nodes if facts.is_backward[n] and kind_of(n) == "contract"),
            key=facts.when,
        )
        done: dict[Tensor, Tensor] = {}
        copies: dict[Tensor, Tensor] = {}

        def copy(node: Node) -> None:
            """The outputs of a node once more, when the backward pass has come near."""
            level = facts.level[first[node]]
            before = [p for p in products if facts.level[p] < level]
            signal = done[before[-1].output()] if before else None
            inputs = [self._input(t, copies, signal) for t in node.inputs]
            if signal is not None and inputs and all(a is b for a, b in zip(inputs, node.inputs)):
                inputs[0] = control.after(inputs[0], signal)
            made = apply(node.op, tuple(inputs), node.attrs, node.source)
            copies.update(zip(node.outputs, made.outputs))

        waiting = sorted(first, key=lambda n: (*facts.when(first[n]), facts.place[n]))
        backward = sorted((n for n in facts.given.nodes if facts.is_backward[n]), key=facts.when)
        for node in backward:
            while waiting and facts.when(first[waiting[0]]) <= facts.when(node):
                copy(waiting.pop(0))
            inputs = tuple(done.get(t, copies.get(t, t)) for t in node.inputs)
            made = apply(node.op, inputs, node.attrs, node.source)
            done.update(zip(node.outputs, made.outputs))
        return graph(facts.given.inputs, [done.get(t, t) for t in facts.given.outputs])

    def _input(self, t: Tensor, copies: dict[Tensor, Tensor], signal: Tensor | None) -> Tensor:
        if t.node in self.again:
            return copies[t]
        fixed = kind_of(t.node) in ("leaf", "free")
        return t if fixed or signal is None else control.after(t, signal)

    def _first_readers(self) -> dict[Node, Node]:
        """The backward node that first needs a value, itself or what is made of it."""
        facts = self.facts
        found: dict[Node, Node] = {}
        for node in reversed(facts.given.nodes):
            if node in self.again:
                found_for = self._readers(node, found)
                if found_for:
                    found[node] = min(found_for, key=facts.when)
        return found

    def _readers(self, node: Node, known: dict[Node, Node]) -> list[Node]:
        after: Iterable[Node] = (
            r for t in node.outputs for r in self.facts.readers.get(t, ())
        )  # fmt: skip
        found: list[Node] = []
        for r in after:
            if self.facts.is_backward[r]:
                found.append(r)
            elif r in known:
                found.append(known[r])
        return found
