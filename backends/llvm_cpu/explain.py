"""What was compiled, as text: decisions, steps with their estimated work, memory."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.ir.dim import Size, names_of
from graphc.schedule.memory import MemoryPlan, regions_of
from graphc.schedule.plan import (
    CheckStep,
    CopyStep,
    CumulativeStep,
    KernelStep,
    Plan,
    SortStep,
    Step,
    Storage,
)
from graphc.schedule.touch import reads, writes

from .estimate import PER_NANOSECOND
from .kernels import Native


def explained(plan: Plan, native: Mapping[Step, Native], memory: MemoryPlan) -> str:
    """All about a compiled plan."""
    distinct = {n.form.unit.key for n in native.values()}
    head = f"{plan.name} on llvm_cpu: {len(native)} native steps, {len(distinct)} distinct"
    decisions = [f"  {line}" for line in plan.decisions]
    lines = [head, *decisions, *_steps(plan, native, "  "), f"  {_memory(memory)}"]
    return "\n".join(lines)


def _steps(plan: Plan, native: Mapping[Step, Native], indent: str) -> list[str]:
    lines = []
    for number, step in enumerate(plan.steps):
        if number == plan.commit:
            lines.append(f"{indent}-- variables change from here on --")
        lines.append(f"{indent}{number}: {_step(step)}{_work(step, native)}")
        for region in regions_of(step):
            lines += [f"{indent}  {region.name}:", *_steps(region, native, indent + "    ")]
    return lines


def _step(step: Step) -> str:
    flow = f"{_names(reads(step))} -> {_names(writes(step))}"
    match step:
        case KernelStep(kernel=kernel, sources=sources, because=because):
            where = f"  at {', '.join(map(str, sources))}" if sources else ""
            return f"{kernel.name}: {flow}{where}" + (f"  ({because})" if because else "")
        case SortStep(axis=axis):
            return f"sort along axis {axis}: {flow}"
        case CumulativeStep(kind=kind, axis=axis):
            return f"running {kind} along axis {axis}: {flow}"
        case CheckStep(problem=problem, source=source):
            return f"check: {problem}  at {source}"
        case CopyStep():
            return f"copy: {flow}"
        case _:
            return f"{type(step).__name__.removesuffix('Step').lower()}: {flow}"


def _names(storages: tuple[Storage, ...]) -> str:
    return ", ".join(s.name for s in storages) or "nothing"


def _work(step: Step, native: Mapping[Step, Native]) -> str:
    if step not in native:
        return ""
    work: Size = native[step].form.work
    if isinstance(work, int):
        return f"  ~{work / PER_NANOSECOND / 1000:.1f} us"
    return f"  grows with {', '.join(sorted(names_of(work)))}"


def _memory(memory: MemoryPlan) -> str:
    shared = sum(len(b.storages) - 1 for b in memory.blocks)
    text = f"memory: {len(memory.blocks)} blocks, {shared} arrays written in place"
    layout = memory.layout
    if layout.nbytes:
        text += f", {layout.nbytes} bytes (at least {layout.bound}) for the largest sizes so far"
    return text
