"""The reference backend: graphs run node by node in NumPy. It is slow and states what is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from graphc.ir.node import Node
from graphc.passes.pipeline import PassReport
from graphc.program import Program

from . import evaluate


@final
class ReferenceBackend:
    """What `graphc.target.Backend` asks for."""

    name = "reference"

    def compile(self, program: Program) -> ReferenceExecutable:
        """The program as it is: nothing is compiled."""
        return ReferenceExecutable(program)

    def evaluate_node(self, inputs: Sequence[np.ndarray], node: Node) -> list[np.ndarray]:
        """One node on given values, all sizes known."""
        return list(evaluate.evaluate_node(node, inputs, {}))


@final
class ReferenceExecutable:
    """A program that is walked through at every call."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def run(self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The results; the storage of updated variables changes after everything is computed."""
        program = self.program
        storages = [v.storage for v in program.variables]
        known = dict(zip(program.graph.inputs, (*inputs, *storages), strict=True))
        # Copies, because a value may be a view of an input or of a storage that changes below.
        values = [np.array(v, order="C") for v in evaluate.run(program.graph.outputs, known, sizes)]
        for position, new in zip(program.updated, values[program.results :], strict=True):
            np.copyto(storages[position], new)
        return values[: program.results]

    def explain(self, report: Sequence[PassReport] = ()) -> str:  # noqa: ARG002
        """There are no kernels: the nodes in the order in which they run."""
        nodes = self.program.graph.nodes
        lines = [f"{n.label}: {', '.join(map(str, n.types))}  at {n.source}" for n in nodes]
        return "\n".join([f"{self.program.name} on reference, node by node", *lines])
