"""A program: the graph of a function after all passes, with what its inputs and outputs are for."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.graph import Graph
from graphc.ir.node import Tensor
from graphc.ops.variable import Variable
from graphc.passes.unify_sizes import SizeCheck


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What a backend compiles: graph inputs are `inputs` then `variables`; graph outputs are the
    results, then one new value for each variable of `updated` (positions in `variables`).

    `disabled` are the passes that were switched off, those of the schedule among them.
    """

    name: str
    graph: Graph
    inputs: tuple[Tensor, ...]
    variables: tuple[Variable, ...]
    results: int
    updated: tuple[int, ...]
    checks: tuple[SizeCheck, ...] = ()
    disabled: frozenset[str] = frozenset()
