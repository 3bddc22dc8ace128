"""What the compiler did, as text: passes, kernels with their work, refused fusions, memory.

    print(function.explain())

Only facts of the plan are here; a backend adds what it knows of a step (`notes`) and of the whole
(`remarks`). Pictures of the same plan are made by frontend/visualize/.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from graphc.ir.dim import Size, evaluate, names_of
from graphc.kernels.kernel import Kernel
from graphc.passes.pipeline import PassReport
from graphc.provenance import Role, Source
from graphc.schedule.memory import MemoryPlan, regions_of
from graphc.schedule.plan import (
    CheckStep,
    CondStep,
    CopyStep,
    CumulativeStep,
    KernelStep,
    Plan,
    ScanStep,
    SortStep,
    Step,
    Storage,
    WhileStep,
)
from graphc.schedule.touch import reads, writes

from .count import Work, work_of, work_of_plan

WIDTH = 100
_APART = " kept apart from "


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the plan: values of named sizes, and what a backend has to say."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[Step, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    memory: MemoryPlan | None = None
    kept: int = 0
    """Bytes of the arena that hold between calls."""


def explain(plan: Plan, report: Sequence[PassReport] = (), known: Known | None = None) -> str:
    """A page on a plan: how it came about (`report`), its kernels, what was not fused and why.

    Work is given as polynomials of the named sizes, and as numbers where `known.sizes` has values
    for them: operations as graphc/kernels/cost.py counts them, bytes of each element once.
    """
    facts = known or Known()
    kernels = sum(isinstance(s, KernelStep) for s in plan.steps)
    lines = [f"{plan.name}: {_many(len(plan.steps), 'step')}, {_many(kernels, 'kernel')}"]
    lines += [*_sizes(plan, facts), *_amounts(work_of_plan(plan), facts, "")]
    lines += [*_memory(facts.memory, facts.kept), *facts.remarks]
    lines += _section("passes", _passes(report))
    lines += _section("steps", _steps(plan, facts, ""))
    lines += _section("kept apart", _refused(_all_decisions(plan)))
    return "\n".join(line.rstrip() for line in lines)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"  {line}" for line in lines]
    return ["", title, *found] if found else []


# ---------------------------------------------------------------------------- the whole


def _sizes(plan: Plan, known: Known) -> Iterator[str]:
    """Where the value of each named size comes from."""
    seen: set[str] = set()
    for s in plan.storages:
        for axis, size in enumerate(s.shape):
            name = str(size)
            if s.place not in ("input", "parameter") or name in seen or names_of(size) != {name}:
                continue
            seen.add(name)
            value = f" = {known.sizes[name]}" if name in known.sizes else ""
            yield f"size    {name} = {s.name}.shape[{axis}]{value}"


def _memory(memory: MemoryPlan | None, kept: int) -> Iterator[str]:
    if memory is None:
        return
    shared = sum(len(b.storages) - 1 for b in memory.blocks)
    text = f"arena   {_many(len(memory.blocks), 'block')}, {_many(shared, 'array')} in place"
    yield text
    if kept:
        yield f"        of these {_short(kept)}B are kept between calls"
    if memory.layout.nbytes:
        used, bound = _short(memory.layout.nbytes), _short(memory.layout.bound)
        yield f"        {used}B for the largest sizes so far; no layout needs less than {bound}B"


def _passes(report: Sequence[PassReport]) -> Iterator[str]:
    width = max((len(p.name) for p in report), default=0)
    for p in report:
        if not p.changed:
            continue
        yield f"{p.name:<{width}}  {p.before:>5} -> {p.after:<5} {1000 * p.seconds:7.1f} ms"
        yield from (f"{'':{width}}  {n:>5} x {equation}" for equation, n in p.rules)


# ---------------------------------------------------------------------------- steps


def _steps(plan: Plan, known: Known, indent: str) -> Iterator[str]:
    digits = len(str(len(plan.steps)))
    for number, step in enumerate(plan.steps, start=1):
        if number == plan.kept + 1 and plan.kept:
            yield f"{indent}{'-' * digits}  kept between calls up to here"
        if number == plan.commit + 1 and plan.commit:
            yield f"{indent}{'-' * digits}  variables change from here on"
        note = known.notes.get(step)
        yield f"{indent}{number:>{digits}}  {_title(step)}" + (f"  {note}" if note else "")
        inner = indent + " " * (digits + 4)
        yield from _details(step, known, inner)
        for region in regions_of(step):
            yield f"{inner}{region.name}:"
            yield from _steps(region, known, inner + "  ")


def _title(step: Step) -> str:
    match step:
        case KernelStep(kernel=kernel, sources=sources):
            found = {s.role for s in sources}
            roles = "/".join(role for role in get_args(Role) if role in found)
            return "  ".join(t for t in (step.name or kernel.name, roles, _axes(kernel)) if t)
        case SortStep(axis=axis, descending=descending):
            return f"sort  axis {axis}" + (", descending" if descending else "")
        case CumulativeStep(kind=kind, axis=axis):
            return f"running {kind}  axis {axis}"
        case ScanStep(length=length, reverse=reverse):
            return f"scan  {length} turns" + (", backwards" if reverse else "")
        case WhileStep():
            return "while"
        case CondStep(predicate=predicate):
            return f"branch  on {predicate.name}"
        case CheckStep(problem=problem):
            return f"check  {problem}"
        case CopyStep():
            return "copy"


def _axes(kernel: Kernel) -> str:
    parts = (f" ({a.part.total} in parts)" if a.part else "" for a in kernel.axes)
    return ", ".join(f"{a.name} = {a.size}{part}" for a, part in zip(kernel.axes, parts))


def _details(step: Step, known: Known, indent: str) -> Iterator[str]:
    if isinstance(step, KernelStep):
        yield from _wrapped("computes", ", ".join(step.nodes), indent)
        yield from _places(step.sources, indent)
    if isinstance(step, CheckStep):
        yield from _places((step.source,), indent)
        return
    yield from _wrapped("reads", _names(reads(step)), indent)
    yield from _wrapped("writes", _names(writes(step)), indent)
    if isinstance(step, KernelStep | CumulativeStep | SortStep | CopyStep):
        yield from _amounts(work_of(step), known, indent)


def _places(sources: Sequence[Source], indent: str) -> Iterator[str]:
    """The user's lines, each with its text."""
    for n, place in enumerate(dict.fromkeys((s.file, s.line) for s in sources)):
        source = Source(*place)
        line = f"{indent}{'at' if n == 0 else '':<9} {source}  {source.text()}"
        yield line if len(line) <= WIDTH - 2 else line[: WIDTH - 6] + " ..."


def _names(storages: Sequence[Storage]) -> str:
    return ", ".join(s.name for s in storages)


def _wrapped(word: str, text: str, indent: str) -> Iterator[str]:
    if not text:
        return
    room = max(WIDTH - len(indent) - 12, 30)
    for n, line in enumerate(textwrap.wrap(text, room, break_long_words=False)):
        yield f"{indent}{word if n == 0 else '':<9} {line}"


# ---------------------------------------------------------------------------- amounts


def _amounts(work: Work, known: Known, indent: str) -> Iterator[str]:
    rows = (("flops", work.flops, ""), ("read", work.read, "B"), ("written", work.written, "B"))
    for word, size, unit in rows:
        if size != 0:
            yield f"{indent}{word:<{9 if indent else 7}} {_amount(size, unit, known)}"


def _amount(size: Size, unit: str, known: Known) -> str:
    """A polynomial, and its value where that is known."""
    if isinstance(size, int):
        return f"{_short(size)}{unit}"
    form = str(size) + (" bytes" if unit else "")
    if not names_of(size) <= set(known.sizes):
        return form
    return f"{form} = {_short(evaluate(size, known.sizes))}{unit}"


def _short(value: int) -> str:
    """A number with three digits and a prefix: 12.8 k, 1.05 M."""
    for power, prefix in ((4, "T"), (3, "G"), (2, "M"), (1, "k")):
        if value >= 1000**power:
            return f"{value / 1000**power:.3g} {prefix}"
    return f"{value} "


def _many(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")


# ---------------------------------------------------------------------------- decisions


def _all_decisions(plan: Plan) -> Iterator[str]:
    yield from plan.decisions
    for step in plan.steps:
        for region in regions_of(step):
            yield from _all_decisions(region)


def _refused(decisions: Iterable[str]) -> Iterator[str]:
    """What was not fused, by reason; a node may be kept apart from the same kernel only once."""
    found: dict[str, dict[str, None]] = {}
    for text in decisions:
        if _APART not in text:
            continue
        pair, _, because = text.partition(": ")
        found.setdefault(because, {})[pair.replace(_APART, " from ")] = None
    for because, pairs in found.items():
        yield f"{because}:"
        yield from textwrap.wrap("; ".join(pairs), WIDTH - 6, initial_indent="    ",
                                 subsequent_indent="    ", break_long_words=False)  # fmt: skip
