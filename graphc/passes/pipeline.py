"""All passes, in order: from the graph that was built to the graph that is cut into kernels.

Read this page second, after `compiler.py`. A pass is a pure function of a graph and `Options`, in
the file of its name; checking, timing and watching passes is done here for all of them.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from graphc import knobs
from graphc.errors import UnknownNameError
from graphc.ir.graph import Graph
from graphc.ir.laws import verify
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Node
from graphc.rewrite.rule import Rule

from .compare_numbers import compare_numbers
from .contract_fma import contract_fma
from .eliminate_common import eliminate_common
from .fold_constants import fold_constants
from .fold_inference import fold_inference
from .hoist_invariants import hoist_invariants
from .inline_calls import inline_calls
from .join_moments import join_moments
from .join_pads import join_pads
from .masks_from_outputs import masks_from_outputs
from .merge_loops import merge_loops
from .options import Options
from .remove_dead import remove_dead
from .share_quotients import share_quotients
from .simplify import simplify
from .sink_results import sink_results
from .stabilize import stabilize

Pass = Callable[[Graph, Options], Graph]

# fmt: off
PIPELINE: tuple[Pass, ...] = (
    inline_calls,      # First, so that all others see what calls do.
    fold_constants,    # Before simplify: its rules look for single numbers.
    simplify,          # Before stabilize: brings `log` and `exp` together across moved axes.
    stabilize,
    merge_loops,       # Before loops are taken apart, while those of a derivative look alike.
    hoist_invariants,
    sink_results,
    fold_inference,    # After simplify, which turns chains of scales and shifts into one form.
    fold_constants,    # Numbers that stabilize and fold_inference brought together.
    eliminate_common,  # Before the last simplify: `x*y - y*x` must be `z - z` to be seen.
    simplify,          # What is left over from all of them.
    masks_from_outputs,  # After simplify, which may change what reads the masks.
    join_moments,      # After simplify, which knows the sums around a mean in their plain form.
    join_pads,         # After simplify, which leaves no pads of pads.
    remove_dead,       # After hoisting, which leaves rows that no step reads.
    share_quotients,   # After all rules that look for quotients.
    contract_fma,      # Last: it hides sums and products from all rules, and no later pass may
                       # change which products are rounded, or fusion would change bits.
)
# fmt: on


@dataclass(frozen=True, slots=True)
class PassReport:
    """What one pass did: nodes before and after, seconds, how often each rule was applied."""

    name: str
    before: int
    after: int
    seconds: float
    rules: tuple[tuple[str, int], ...]
    changed: bool

    def __str__(self) -> str:
        rules = "".join(f"\n    {n:4} x {equation}" for equation, n in self.rules)
        change = f"{self.before} -> {self.after} nodes" if self.changed else "unchanged"
        return f"{self.name}: {change}, {1000 * self.seconds:.1f} ms{rules}"


# Called after each pass with its number, its report, the graph before and the graph after it.
Observe = Callable[[int, PassReport, Graph, Graph], None]


def run(
    given: Graph, options: Options, disabled: Collection[str] = (), observe: Observe | None = None
) -> tuple[Graph, tuple[PassReport, ...]]:
    """The graph after all passes but the disabled ones, and what each of them did.

    `GRAPHC_CHECK` says whether the laws of the graph are checked after the last pass (1), after
    each pass (2), or numbers are compared as well (3).

    Raises:
        UnknownNameError: a disabled pass that there is not.
        VerifyError: a pass broke a law of the graph, or changed numbers; a defect of the compiler.
    """
    _check_names(disabled)
    level = knobs.current().check
    graph = given
    reports: list[PassReport] = []
    with evaluating_with(None), without_collection():
        for step in PIPELINE:
            if step.__name__ in disabled:
                continue
            before = graph
            graph, report = _run_one(step, before, options)
            reports.append(report)
            if level >= 2:
                verify(graph)
            if level >= 3 and options.evaluate is not None:
                compare_numbers(before, graph, options.evaluate, step.__name__)
            if observe is not None:
                observe(len(reports), report, before, graph)
    return verify(graph) if level == 1 else graph, tuple(reports)


@contextmanager
def without_collection() -> Iterator[None]:
    """Compiling makes many objects and hardly a cycle: looking for cycles is a waste of time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _run_one(step: Pass, before: Graph, options: Options) -> tuple[Graph, PassReport]:
    rules: Counter[str] = Counter()

    def fired(rule: Rule, node: Node) -> None:
        rules[rule.equation] += 1
        options.fired(rule, node)

    start = time.perf_counter()
    after = step(before, replace(options, fired=fired))
    seconds = time.perf_counter() - start
    sizes = len(before.nodes), len(after.nodes)
    counts = tuple(sorted(rules.items()))
    return after, PassReport(step.__name__, *sizes, seconds, counts, after is not before)


def _check_names(disabled: Collection[str]) -> None:
    names = {step.__name__ for step in PIPELINE}
    for name in disabled:
        if name not in names:
            raise UnknownNameError(
                "no pass of that name", received=name, expected=", ".join(sorted(names))
            )
