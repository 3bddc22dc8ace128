"""A program: the graph of a function after all passes, with what its inputs and outputs are for.

A draft is the same before any pass; a backend that knows it already need not ask for the program.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from graphc.ir.graph import Graph
from graphc.ir.node import Tensor
from graphc.ops.variable import Variable
from graphc.passes.options import Options
from graphc.passes.pipeline import PassReport
from graphc.passes.unify_sizes import SizeCheck

Report = tuple[PassReport, ...]


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


@dataclass(frozen=True, slots=True, eq=False)
class Interface:
    """What a caller must know: the inputs, and what has to hold of their sizes."""

    inputs: tuple[Tensor, ...]
    checks: tuple[SizeCheck, ...]


@final
class Draft:
    """A program as it was built. Its graph has `inputs` placeholders, then the variables."""

    def __init__(
        self, name: str, graph: Graph, inputs: int, variables: tuple[Variable, ...], results: int,
        updated: tuple[int, ...], options: Options, disabled: frozenset[str],
        finish: Callable[[Draft], tuple[Program, Report]],
    ) -> None:  # fmt: skip
        self.name, self.graph, self.inputs, self.variables = name, graph, inputs, variables
        self.results, self.updated, self.options, self.disabled = (
            results,
            updated,
            options,
            disabled,
        )
        self._finish = finish
        self._made: tuple[Program, Report] | None = None
        self._lock = threading.RLock()

    @property
    def program(self) -> Program:
        """The program after all passes, which run when it is first asked for."""
        return self._whole()[0]

    @property
    def report(self) -> Report:
        """What the passes did."""
        return self._whole()[1]

    @property
    def is_finished(self) -> bool:
        """Whether the passes have run."""
        return self._made is not None

    def _whole(self) -> tuple[Program, Report]:
        with self._lock:
            if self._made is None:
                self._made = self._finish(self)
            return self._made
