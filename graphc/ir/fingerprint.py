"""What a graph computes, as text for cache keys: equal in every process, whatever it calls things.

Names of leaves and sizes, serial numbers and lines of the user's program are no part of it; which
nodes come from the same line is. What is kept under such a key names nodes, sizes and lines by
their position here (`abstract`), and gets the present ones back (`concrete`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphc.dtypes import DType
from graphc.provenance import Source

from . import dim
from .dim import Dim, Size
from .graph import Graph
from .literal import Literal
from .node import AttrValue, Node, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """The text, and what it leaves out: size names, nodes and sources in order of appearance."""

    text: str
    names: tuple[str, ...]
    nodes: tuple[Node, ...]
    sources: tuple[Source, ...]

    def abstract(self, words: str) -> str:
        """A text with the names of nodes and sizes as positions."""
        known = {n.label: f"<node {i}>" for i, n in enumerate(self.nodes)}
        known |= {name: f"<size {i}>" for i, name in enumerate(self.names)}
        return re.sub(r"\w+", lambda m: known.get(m[0], m[0]), words)

    def concrete(self, words: str) -> str:
        """The inverse of `abstract`."""

        def name(m: re.Match[str]) -> str:
            number = int(m[2])
            return self.nodes[number].label if m[1] == "node" else self.names[number]

        return re.sub(r"<(node|size) (\d+)>", name, words)

    def abstract_size(self, size: Size) -> str:
        """A size as text, whatever its names are called here."""
        canonical = {name: dim.named(f"n{i}") for i, name in enumerate(self.names)}
        return str(dim.substitute(size, canonical))

    def concrete_size(self, text: str) -> Size:
        """The inverse of `abstract_size`."""
        return dim.substitute(
            dim.parse_size(text), {f"n{i}": dim.named(name) for i, name in enumerate(self.names)}
        )


def fingerprint(graph: Graph) -> Fingerprint:
    """The fingerprint of a graph with its regions."""
    writer = _Writer()
    writer.graph(graph)
    return Fingerprint(
        "\n".join(writer.lines), tuple(writer.names), tuple(writer.nodes), tuple(writer.sources)
    )


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Dim] = {}
        self.nodes: list[Node] = []
        self.sources: dict[Source, int] = {}
        self.regions: dict[Graph, int] = {}
        self.dims: dict[Dim, str] = {}

    def graph(self, graph: Graph) -> None:
        first = len(self.nodes)
        position = {node: i for i, node in enumerate(graph.nodes)}
        self.nodes += graph.nodes

        def refer(tensors: tuple[Tensor, ...]) -> str:
            return " ".join([f"{position[t.node]}.{t.index}" for t in tensors])

        lines: list[str] = []
        for node in graph.nodes:
            named = node.op.name in ("placeholder", "variable")
            attrs = [
                f"{name}={self.value(value)}"
                for name, value in node.attrs.items()
                if not (named and name == "name")
            ]
            line = self.sources.setdefault(node.source, len(self.sources))
            lines.append(f"{node.op.name} {refer(node.inputs)} @{line} {' '.join(attrs)}")
        ends = f"{refer(graph.inputs)} -> {refer(graph.outputs)}"
        self.lines += [f"graph {first} {ends}", *lines]

    def value(self, value: AttrValue) -> str:
        match value:
            case tuple():
                return f"({','.join(map(self.value, value))})"
            case Dim():
                return self.size(value)
            case DType():
                return f"dtype.{value.name}"
            case Literal():
                return value.digest()
            case Graph():
                if value not in self.regions:
                    self.regions[value] = len(self.regions)
                    self.graph(value)
                return f"graph{self.regions[value]}"
        return f"{type(value).__name__}:{value!r}"

    def size(self, size: Dim) -> str:
        known = self.dims.get(size)
        if known is None:
            for name in sorted(dim.names_of(size), key=lambda n: (len(n), n)):
                self.names.setdefault(name, dim.named(f"n{len(self.names)}"))
            known = self.dims[size] = str(dim.substitute(size, self.names))
        return known
