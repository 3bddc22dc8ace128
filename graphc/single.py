"""Programs of one node: what eager mode asks backends to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from graphc.ir.graph import graph
from graphc.ir.node import Node, Op, TensorType, apply, attr_key
from graphc.ops.leaf import placeholder
from graphc.passes.inline_calls import inline_calls
from graphc.passes.options import Options
from graphc.program import Program

MOST_NODES = 4096
"""How many compiled single nodes are kept."""
_Key = tuple[Op, tuple[object, ...], tuple[TensorType, ...], tuple[object, ...]]


class Runs(Protocol):
    """What a backend makes of a program."""

    def run(self, inputs: Sequence[np.ndarray], sizes: dict[str, int]) -> list[np.ndarray]:
        """The results."""
        ...


class Nodes:
    """The single nodes that a backend has compiled; equal ones are compiled once."""

    def __init__(self, compile_: Callable[[Program], Runs]) -> None:
        self._compile = compile_
        self._made: dict[_Key, Runs] = {}

    def __len__(self) -> int:
        return len(self._made)

    def evaluate(
        self, inputs: Sequence[np.ndarray], node: Node, deciding: tuple[object, ...] = ()
    ) -> list[np.ndarray]:
        """One node on given values, all sizes known. The code also depends on `deciding`."""
        types = tuple(t.type for t in node.inputs)
        attrs = tuple((name, attr_key(value)) for name, value in node.attrs.items())
        key = (node.op, attrs, types, deciding)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= MOST_NODES:
                self._made.clear()
            made = self._made[key] = self._compile(program_of(node))
        return made.run([np.ascontiguousarray(a) for a in inputs], {})


def program_of(node: Node) -> Program:
    """A program of one node, with placeholders for its inputs."""
    types = [t.type for t in node.inputs]
    inputs = tuple(placeholder(t.shape, t.dtype, name=f"x{i}") for i, t in enumerate(types))
    outputs = apply(node.op, inputs, node.attrs, node.source).outputs
    whole = inline_calls(graph(inputs, outputs), Options())
    return Program(node.op.name, whole, inputs, (), len(outputs), ())
