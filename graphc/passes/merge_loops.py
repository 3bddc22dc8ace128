"""Loops that go the same way are one loop; derivatives build them, to keep what they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.ir.graph import Graph, graph, substitute, topological
from graphc.ir.node import Node, Tensor
from graphc.ops.control import build_scan, scan_op
from graphc.ops.leaf import parameter
from graphc.provenance import building_for

from .options import Options
from .regions import count, everywhere, region, reordered


def merge_loops(given: Graph, options: Options) -> Graph:
    """Scans with the same carries become one scan that returns the rows of both.

    h, ys = scan(f, h0, xs); h, zs = scan(f', h0, xs)  ->  h, ys, zs = scan((f, f'), h0, xs)
    """
    return everywhere(given, _merged)


def _merged(given: Graph) -> Graph:
    refused: set[tuple[Node, Node]] = set()
    while (pair := next(_pairs(given, refused), None)) is not None:
        with building_for(pair[0].source):
            swap = _together(*pair)
        if swap is None:
            refused.add(pair)
        else:
            given = graph(given.inputs, substitute(given.outputs, swap))
    return given


def _pairs(given: Graph, refused: set[tuple[Node, Node]]) -> Iterator[tuple[Node, Node]]:
    """Scans that start alike, the second not reading what the first computes."""
    scans = [node for node in given.nodes if node.op is scan_op]
    for i, first in enumerate(scans):
        for second in scans[i + 1 :]:
            if (first, second) in refused or _start(first) != _start(second):
                continue
            if first not in set(topological(second.inputs)):
                yield first, second


def _start(node: Node) -> tuple[object, ...]:
    """What two scans must have in common: initial carries, length and direction."""
    carries = count(node, "carries")
    starts = tuple(id(t) for t in node.inputs[:carries])
    return starts, carries, node.attrs["length"], node.attrs["reverse"]


def _together(first: Node, second: Node) -> dict[Tensor, Tensor] | None:
    """One scan for two, as the new tensor for each old output; None if their carries differ."""
    carries = count(first, "carries")
    nodes = (first, second)
    xs = list(dict.fromkeys(t for node in nodes for t in _rows(node)))
    captured = list(dict.fromkeys(t for node in nodes for t in _captured(node)))
    inputs = (*first.inputs[:carries], *xs, *captured)
    names = _parameters(first, carries, xs, captured)
    bodies = [_renamed(node, names) for node in nodes]
    if any(a is not b for a, b in zip(bodies[0][:carries], bodies[1][:carries])):
        return None
    rows = list(dict.fromkeys(t for outputs in bodies for t in outputs[carries:]))
    body = reordered(region(first, "body"), list(names.values()), [*bodies[0][:carries], *rows])
    made = build_scan(
        body, inputs[:carries], xs, captured,
        first.attrs["length"], bool(first.attrs["reverse"]),  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    places = {t: carries + i for i, t in enumerate(rows)}
    swap: dict[Tensor, Tensor] = {}
    for node, outputs in zip(nodes, bodies):
        for i, old in enumerate(node.outputs):
            swap[old] = made[i if i < carries else places[outputs[i]]]
    return swap


def _rows(node: Node) -> Sequence[Tensor]:
    carries = count(node, "carries")
    return node.inputs[carries : carries + count(node, "scanned")]


def _captured(node: Node) -> Sequence[Tensor]:
    return node.inputs[count(node, "carries") + count(node, "scanned") :]


Key = tuple[str, Tensor | int]


def _parameters(
    node: Node, carries: int, xs: Sequence[Tensor], captured: Sequence[Tensor]
) -> dict[Key, Tensor]:
    """A parameter for each carry, sequence and captured tensor of the common loop."""
    depth = next((count(t.node, "depth") for t in region(node, "body").inputs), 0)
    types: dict[Key, object] = {}
    for i in range(carries):
        types["carry", i] = region(node, "body").inputs[i].type
    types |= {("row", t): t.type._replace(shape=t.shape[1:]) for t in xs}
    types |= {("same", t): t.type for t in captured}
    return {key: parameter(depth, i, kind) for i, (key, kind) in enumerate(types.items())}  # pyright: ignore


def _renamed(node: Node, names: dict[Key, Tensor]) -> list[Tensor]:
    """The outputs of a scan's body on the common parameters."""
    body, carries = region(node, "body"), count(node, "carries")
    keys: list[Key] = [("carry", i) for i in range(carries)]
    keys += [("row", t) for t in _rows(node)] + [("same", t) for t in _captured(node)]
    return substitute(body.outputs, dict(zip(body.inputs, (names[k] for k in keys))))
