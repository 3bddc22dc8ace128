"""The CPU backend: plans programs, compiles them, and runs single nodes for eager mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from graphc.debug.stages import watch
from graphc.ir.graph import graph
from graphc.ir.node import Node, Op, TensorType, apply, attr_key
from graphc.ops.leaf import placeholder
from graphc.passes.inline_calls import inline_calls
from graphc.passes.options import Options
from graphc.program import Program
from graphc.schedule.schedule import make_plan

from .listing import listings
from .program import LLVMExecutable

_Key = tuple[Op, tuple[object, ...], tuple[TensorType, ...]]
MOST_NODES = 4096
"""How many compiled single nodes are kept."""


@final
class LLVMBackend:
    """What `graphc.target.Backend` asks for."""

    name = "llvm_cpu"

    def __init__(self) -> None:
        self._nodes: dict[_Key, LLVMExecutable] = {}

    def compile(self, program: Program) -> LLVMExecutable:
        """The program as machine code.

        Raises:
            CompileError: a kernel cannot be compiled, a defect of the code generator.
        """
        stages = watch(program.name)
        plan = make_plan(program, stages.rewritten if stages else None)
        made = LLVMExecutable(plan, program.variables)
        if stages is not None:
            stages.planned(plan)
            stages.generated(plan, listings(made.native))
        return made

    def evaluate_node(self, inputs: Sequence[np.ndarray], node: Node) -> list[np.ndarray]:
        """One node on given values, all sizes known. Equal nodes are compiled once."""
        types = tuple(t.type for t in node.inputs)
        attrs = tuple((name, attr_key(value)) for name, value in node.attrs.items())
        key = (node.op, attrs, types)
        made = self._nodes.get(key)
        if made is None:
            if len(self._nodes) >= MOST_NODES:
                self._nodes.clear()
            made = self._nodes[key] = self.compile(program_of(node))
        return made.run([np.ascontiguousarray(a) for a in inputs], {})


def program_of(node: Node) -> Program:
    """A program of one node, with placeholders for its inputs."""
    types = [t.type for t in node.inputs]
    inputs = tuple(placeholder(t.shape, t.dtype, name=f"x{i}") for i, t in enumerate(types))
    outputs = apply(node.op, inputs, node.attrs, node.source).outputs
    whole = inline_calls(graph(inputs, outputs), Options())
    return Program(node.op.name, whole, inputs, (), len(outputs), ())
