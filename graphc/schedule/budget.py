"""The least recomputation with which the intermediate arrays of a program fit a memory budget."""

from __future__ import annotations

from dataclasses import replace

from graphc.errors import ArgumentError
from graphc.ir.dim import Size, evaluate, names_of
from graphc.ir.graph import Graph
from graphc.program import Program

from .memory import MemoryPlan, blocks_of
from .recompute import EFFORTS, recompute
from .schedule import make_plan

TYPICAL = 64
"""What an unknown size counts for; most arrays grow with the same one, the batch."""


def within_budget(program: Program, budget: float) -> Program:
    """The program with as little recomputation as keeps its intermediate arrays within a budget.

    `budget` is a number of bytes if it is a whole number, else a share of the bytes that the
    program needs without recomputation. Nothing is then kept between calls.

    Raises:
        ArgumentError: bytes, but a size is unknown; or no recomputation gets below the budget.
    """
    known = not any(names_of(s) for t in program.graph.inputs for s in t.shape)
    is_share = isinstance(budget, float)
    if isinstance(budget, bool) or budget <= 0 or (is_share and budget > 1):
        raise ArgumentError(
            "a memory budget is a whole number of bytes, or a share", received=repr(budget),
            expected="an int above 0, or a float in (0, 1]",
        )  # fmt: skip
    if not is_share and not known:
        raise ArgumentError(
            f"{program.name} has sizes that are not known, so its bytes are not either",
            received=f"memory_budget={budget}",
            fix="give the share of memory to use, as 0.5, or placeholders of known shape",
        )
    program = replace(program, disabled=program.disabled | {"keep"})
    whole = _bytes(program, program.graph)
    most = budget * whole if is_share else budget
    least = whole
    if whole <= most:
        return program
    for effort in EFFORTS:
        changed = recompute(program.graph, effort)
        needed = _bytes(program, changed)
        if needed <= most:
            return replace(program, graph=changed)
        least = min(least, needed)
    reached = f"{least / whole:.2f}" if is_share else f"{least}"
    raise ArgumentError(
        f"{program.name} does not fit its memory budget, whatever is computed again",
        received=f"memory_budget={budget}",
        fix=f"a budget of at least {reached}, or a smaller batch",
    )


def _bytes(program: Program, changed: Graph) -> int:
    """Bytes of intermediate arrays that are alive together at most."""
    memory = MemoryPlan(blocks_of(make_plan(replace(program, graph=changed)), {}))

    def value(size: Size) -> int:
        return evaluate(size, dict.fromkeys(names_of(size), TYPICAL))

    return memory.fit(memory.measure(value)).nbytes
