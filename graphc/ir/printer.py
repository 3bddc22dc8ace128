"""The graph as text, one line per node; `parser.py` reads it back: `parse(show(g)) is g`.

    graph {
      inputs %0, %1
      outputs %2
      %0: float32[batch, 784] = placeholder(name='x')
      %1: float32[784, 10] = variable(name='kernel')
      %2: float32[batch, 10] = dot_general(%0, %1, batch=((), ()), contract=((1,), (0,)))
    }

A region is such a block too, `@0 = graph {`, before the first node that uses it. The attributes
`shape` and `dtype` are left out where the type says them already. For people there is `formula.py`.
"""

from __future__ import annotations

import base64
import inspect
import math
from collections.abc import Iterator
from functools import cache

import numpy as np

from graphc.dtypes import DType

from .dim import Dim
from .graph import Graph
from .literal import Literal
from .node import AttrValue, Node, Op, Tensor, TensorType

SHORT = 64  # Arrays of up to so many elements are printed as numbers, longer ones as base64.


def show(graph: Graph, *, sources: bool = False) -> str:
    """The whole graph as text; `sources` adds the user's file and line to each node."""
    writer = _Writer(sources)
    writer.block(graph, "graph {", "")
    return "\n".join(writer.lines)


class _Writer:
    """The lines so far, and the regions that have a number."""

    def __init__(self, sources: bool) -> None:
        self.lines: list[str] = []
        self.regions: dict[Graph, str] = {}
        self.sources = sources

    def block(self, graph: Graph, head: str, indent: str) -> None:
        """One graph with the regions inside it."""
        names: dict[Tensor, str] = {}
        for node in graph.nodes:
            for t in node.outputs:
                names[t] = f"%{len(names)}"
        inner = indent + "  "
        self.lines.append(indent + head)
        for word, tensors in (("inputs", graph.inputs), ("outputs", graph.outputs)):
            self.lines.append(f"{inner}{word} {', '.join(names[t] for t in tensors)}".rstrip())
        for node in graph.nodes:
            self.node(node, names, inner)
        self.lines.append(indent + "}")

    def node(self, node: Node, names: dict[Tensor, str], indent: str) -> None:
        """One node, after the regions that are new in it."""
        for region in regions_of(node):
            if region not in self.regions:
                # Its number comes after those of the regions inside it, which are printed first.
                at = len(self.lines)
                self.block(region, "", indent)
                self.regions[region] = f"@{len(self.regions)}"
                self.lines[at] = f"{indent}{self.regions[region]} = graph {{"
        left = ", ".join(names[t] for t in node.outputs)
        types = ", ".join(map(str, node.types))
        inputs = [names[t] for t in node.inputs]
        attrs = [
            f"{name}={self.value(value, node.types[0])}"
            for name, value in node.attrs.items()
            if not is_implied(node.op, name, value, node.types[0])
        ]
        line = f"{indent}{left}: {types} = {node.op.name}({', '.join(inputs + attrs)})"
        place = "  # " + " ".join(str(node.source).split()) if self.sources else ""
        self.lines.append(line + place)

    def value(self, value: AttrValue, kind: TensorType) -> str:
        """An attribute; `kind` is the type of the node's first output."""
        match value:
            case float():
                return _number(value)
            case DType():
                return f"dtype.{value.name}"
            case Literal():
                return _array(value, kind)
            case Graph():
                return self.regions[value]
            case tuple():
                items = ", ".join(self.value(v, kind) for v in value)
                return f"({items},)" if len(value) == 1 else f"({items})"
            case Dim():
                return str(value)
        return repr(value)


def regions_of(node: Node) -> Iterator[Graph]:
    """The graphs among the attributes of a node."""
    stack: list[AttrValue] = list(node.attrs.values())[::-1]
    while stack:
        value = stack.pop()
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, tuple):
            stack.extend(reversed(value))


@cache
def attributes_of(op: Op) -> frozenset[str]:
    """The names of the attributes that an op takes: the keyword arguments of its type rule."""
    parameters = inspect.signature(op.infer).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def is_implied(op: Op, name: str, value: AttrValue, kind: TensorType) -> bool:
    """Whether the type of the first output says this attribute already."""
    if name == "shape":
        return name in attributes_of(op) and value == kind.shape
    return name == "dtype" and name in attributes_of(op) and value is kind.dtype


def _number(value: float) -> str:
    if math.isfinite(value):
        return float.__repr__(value)
    return "float.nan" if math.isnan(value) else f"{'-' if value < 0 else ''}float.inf"


def _array(literal: Literal, kind: TensorType) -> str:
    content = _elements(literal) or repr(base64.b64encode(literal.array.tobytes()).decode())
    if (literal.shape, literal.dtype) == (kind.shape, kind.dtype):
        return f"array({content})"
    return f"array({content}, '{TensorType(literal.shape, literal.dtype)}')"


def _elements(literal: Literal) -> str | None:
    """Nested lists of numbers, or None where they are too long or do not keep every bit."""
    array = literal.array
    if array.size > SHORT:
        return None
    if not literal.dtype.is_float:
        return _nested(array.tolist())
    # The shortest form of a narrow float, where rounding it once more gives the float back. The
    # bits of a NaN are in neither form.
    for form in (str, lambda x: repr(float(x))):
        numbers = np.array([float(form(x)) for x in array.ravel()]).reshape(array.shape)
        if numbers.astype(array.dtype).tobytes() == array.tobytes():
            return _nested(numbers.tolist())
    return None


def _nested(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return _number(value) if isinstance(value, float) else repr(value)
