"""Applies tables of rules to a graph, inputs first, until no rule applies; see `rule.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from graphc.ir.graph import Graph, graph
from graphc.ir.node import Node, Op, Tensor, apply
from graphc.provenance import building_for

from .rule import Head, Holds, Rule

EXACT: frozenset[Holds] = frozenset({"exact"})
ALL: frozenset[Holds] = frozenset({"exact", "real", "finite"})
Fired = Callable[[Rule, Node], None]


class Table:
    """Rules by the op they begin with, in groups: with each goes how far they must hold for floats.

    For integers and bools all rules are used, because there every rule holds for all values.
    """

    def __init__(self, *groups: tuple[Iterable[Rule], frozenset[Holds]]) -> None:
        self._heads: dict[Op, list[tuple[Head, Rule, bool]]] = {}
        self._chosen: dict[tuple[bool | Op, ...], tuple[tuple[Head, Rule], ...]] = {}
        for rules, allowed in groups:
            for r in rules:
                for head in r.heads:
                    entry = (head, r, r.holds in allowed)
                    self._heads.setdefault(head.op, []).append(entry)

    def candidates(self, node: Node) -> tuple[tuple[Head, Rule], ...]:
        """The rules whose ops are those of a node and its inputs, and which hold for its dtype."""
        if node.op not in self._heads:
            return ()
        is_float = any(t.dtype.kind == "f" for t in node.inputs)
        key = (is_float, node.op, *[t.node.op for t in node.inputs])
        chosen = self._chosen.get(key)
        if chosen is None:
            chosen = self._chosen[key] = tuple(self._fitting(node, is_float))
        return chosen

    def _fitting(self, node: Node, is_float: bool) -> Iterable[tuple[Head, Rule]]:
        for head, r, for_floats in self._heads[node.op]:
            pairs = zip(head.children, node.inputs)
            fits = all(op is None or op is t.node.op for op, t in pairs)
            if fits and (for_floats or not is_float):
                yield head, r


def rewritten(given: Graph, table: Table, fired: Fired) -> Graph:
    """The graph with rules applied until none does, not going into regions.

    What a rule builds is rewritten in turn. Rules that undo each other end at the first node that
    comes back, and no graph takes more than eight rules per node, so this always ends.
    """
    run = _Run(table, fired, 8 * len(given.nodes) + 64)
    for node in given.nodes:
        if node not in run.done:
            run.finish(node)
    outputs = [run.done[t.node][t.index] for t in given.outputs]
    same = all(a is b for a, b in zip(outputs, given.outputs))
    return given if same else graph(given.inputs, outputs)


class _Run:
    """One walk: the nodes that are done, and those whose replacement is still to be walked."""

    def __init__(self, table: Table, fired: Fired, budget: int) -> None:
        self.table, self.fired, self.budget = table, fired, budget
        self.done: dict[Node, tuple[Tensor, ...]] = {}

    def finish(self, root: Node) -> None:
        """Rewrite everything under a node."""
        waiting: dict[Node, Tensor] = {}
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self.done:
                stack.pop()
            elif node in waiting:
                result = waiting.pop(node)
                self.done[node] = (self.done.get(result.node, result.node.outputs)[result.index],)
            elif missing := [t.node for t in node.inputs if t.node not in self.done]:
                stack.extend(missing)
            else:
                self.step(node, waiting, stack)

    def step(self, node: Node, waiting: dict[Node, Tensor], stack: list[Node]) -> None:
        """Rebuild a node on its finished inputs and try the rules on it."""
        inputs = tuple([self.done[t.node][t.index] for t in node.inputs])
        new = node
        if any(a is not b for a, b in zip(inputs, node.inputs)):
            new = apply(node.op, inputs, node.attrs, node.source)
        if new is not node and new in self.done:
            self.done[node] = self.done[new]
            return
        result = self.attempt(new)
        if result is None or result.node in waiting:
            self.done[node] = self.done[new] = new.outputs
        else:
            waiting[node] = result
            stack.append(result.node)

    def attempt(self, node: Node) -> Tensor | None:
        """The result of the first rule that applies, built for the node's own source."""
        candidates = self.table.candidates(node)
        if not candidates or self.budget == 0:
            return None
        with building_for(node.source):
            for head, r in candidates:
                result = head.apply(node)
                # Symbolic sizes written in two ways may not be seen to be equal.
                if result is None or result.node is node or result.type != node.types[0]:
                    continue
                self.budget -= 1
                self.fired(r, node)
                return result
        return None
