"""A graph is a pair of inputs and outputs, with everything between; also the body of scan and cond.

Graphs are values: interned, never changed. As a *region* (the body of a control op) a graph is
closed: its inputs are `parameter` leaves and nothing else from outside is used in it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from weakref import WeakValueDictionary

from .node import Node, Tensor, apply


class Graph:
    """Inputs, outputs, and the nodes between them in topological order; made by `graph`."""

    __slots__ = ("__weakref__", "_nodes", "inputs", "outputs")

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    _nodes: tuple[Node, ...] | None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node the outputs need and the inputs' own, inputs before users."""
        if self._nodes is None:
            self._nodes = tuple(topological((*self.inputs, *self.outputs)))
        return self._nodes

    def __repr__(self) -> str:
        return f"<graph of {len(self.nodes)} nodes, {len(self.outputs)} outputs>"


_interned: WeakValueDictionary[tuple[tuple[int, ...], tuple[int, ...]], Graph] = (
    WeakValueDictionary()
)
_lock = threading.Lock()


def graph(inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> Graph:
    """The graph with these inputs and outputs; equal ones are one object."""
    ins, outs = tuple(inputs), tuple(outputs)
    key = tuple(map(id, ins)), tuple(map(id, outs))
    found = _interned.get(key)
    if found is None:
        made = Graph()
        made.inputs, made.outputs, made._nodes = ins, outs, None
        with _lock:
            found = _interned.setdefault(key, made)
    return found


def topological(roots: Iterable[Tensor]) -> list[Node]:
    """Every node under the roots, inputs before users. Iterative, so deep graphs are safe."""
    done: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(t.node, False) for t in reversed(tuple(roots))]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if ready:
            done[node] = None
            continue
        stack.append((node, True))
        stack.extend((t.node, False) for t in reversed(node.inputs) if t.node not in done)
    return list(done)


def users(nodes: Iterable[Node]) -> dict[Tensor, list[Node]]:
    """For each tensor, the nodes that read it, in order."""
    found: dict[Tensor, list[Node]] = {}
    for node in nodes:
        for t in dict.fromkeys(node.inputs):
            found.setdefault(t, []).append(node)
    return found


Replace = Callable[[Node, tuple[Tensor, ...]], "tuple[Tensor, ...] | None"]


def rewrite(
    roots: Iterable[Tensor], replace: Replace, known: Mapping[Tensor, Tensor] | None = None
) -> list[Tensor]:
    """Rebuild everything under the roots, node by node, inputs first.

    `replace(node, new_inputs)` answers the new outputs, or None to keep the op on the new inputs.
    `known` maps tensors that are taken as given. Nodes whose inputs stay the same stay themselves.
    """
    targets = list(roots)
    done: dict[Tensor, Tensor] = dict(known or {})
    for node in topological(targets):
        if len(node.types) == 1 and node.output() in done:
            continue
        inputs = tuple(done[t] for t in node.inputs)
        new = replace(node, inputs)
        if new is None:
            same = all(a is b for a, b in zip(inputs, node.inputs))
            new = node.outputs if same else apply(node.op, inputs, node.attrs, node.source).outputs
        for old, fresh in zip(node.outputs, new):
            done.setdefault(old, fresh)
    return [done[t] for t in targets]


def substitute(roots: Iterable[Tensor], mapping: Mapping[Tensor, Tensor]) -> list[Tensor]:
    """The roots with tensors replaced by others."""
    return rewrite(roots, lambda node, inputs: None, mapping)


def inline(region: Graph, arguments: Iterable[Tensor]) -> list[Tensor]:
    """The outputs of a region applied to arguments."""
    return substitute(region.outputs, dict(zip(region.inputs, arguments, strict=True)))


def depends_on(roots: Iterable[Tensor], leaves: Iterable[Tensor]) -> set[Node]:
    """The nodes under the roots that need one of the leaves, the leaves' own nodes included."""
    needed = {t.node for t in leaves}
    for node in topological(roots):
        if any(t.node in needed for t in node.inputs):
            needed.add(node)
    return needed
