"""Independent elementwise kernels of a plan as one, so that they need one launch.

    a: w1 = w1 - g1      b: conv      c: w2 = w2 - g2      ->      b      a + c

Neighbours come together if none needs another. What nobody reads later (the updates of an
optimizer) waits for others of its kind, as long as it does not keep much memory alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphc.kernels.kernel import Affine, Axis, Buffer, Kernel, Store
from graphc.kernels.settle import moved_store
from graphc.kernels.walk import buffers_of, rebuild, roots_of
from graphc.program import Program
from graphc.schedule.plan import KernelStep, Plan, Step, Storage
from graphc.schedule.prepare import Observe
from graphc.schedule.schedule import commit_of, make_plan
from graphc.schedule.touch import reads, writes

from .grain import GRAIN
from .source.map import is_light

MEMBERS = 16
"""Kernels of one bundle: a program compares its number with so many."""
HELD = 64 << 20
"""Bytes of intermediate arrays that may wait for a launch."""


def plan_of(program: Program, observe: Observe | None = None) -> Plan:
    """The plan of a program for a GPU."""
    return bundled(make_plan(program, observe, grain=GRAIN))


def bundled(plan: Plan) -> Plan:
    """The plan with bundles. Kept steps, and the regions of loops, stay as they are."""
    kept, steps = plan.steps[: plan.kept], plan.steps[plan.kept :]
    last = _untouched_later(steps)
    found: list[Step] = list(kept)
    near: list[KernelStep] = []
    late: list[KernelStep] = []

    def close(*groups: list[KernelStep]) -> None:
        for group in groups:
            found.extend([together(group)] if len(group) > 1 else group)
            group.clear()

    for step in steps:
        light = step if isinstance(step, KernelStep) and is_light(step.kernel) else None
        waits = light is not None and step in last and _held([step]) <= HELD
        if light is None or len(near) == MEMBERS or (not waits and _meet(step, near)):
            close(near)
        full = waits and (len(late) == MEMBERS or _held([*late, step]) > HELD)
        if full or _meet(step, late):
            close(near, late)  # in this order: what waits may need what is near
        if light is None:
            found.append(step)
        else:
            (late if waits else near).append(light)
    close(near, late)
    return replace(plan, steps=tuple(found), commit=commit_of(found))


def _untouched_later(steps: Sequence[Step]) -> set[Step]:
    """The steps whose results no later step reads or writes."""
    touched: set[Storage] = set()
    found: set[Step] = set()
    for step in reversed(steps):
        found |= {step} if touched.isdisjoint(writes(step)) else set()
        touched |= {*reads(step), *writes(step)}
    return found


def _meet(step: Step, others: Sequence[Step]) -> bool:
    """Whether a step must stay behind some of others that come before it."""
    read = {s for x in others for s in reads(x)}
    written = {s for x in others for s in writes(x)}
    return not written.isdisjoint((*reads(step), *writes(step))) or not read.isdisjoint(
        writes(step)
    )


def _held(steps: Sequence[Step]) -> int:
    """Bytes of intermediate arrays that steps read; more than `HELD` where that is not known."""
    read = {s for x in steps for s in reads(x) if s.place == "arena"}
    return sum(s.nbytes if isinstance(s.nbytes, int) else HELD + 1 for s in read)


# ---------------------------------------------------------------------------- one kernel of several


def together(steps: Sequence[KernelStep]) -> KernelStep:
    """One step that does what independent steps do."""
    bound: dict[str, Storage] = {}
    names: dict[tuple[Storage, Buffer], str] = {}
    axes: list[Axis] = []
    stores: list[Store] = []
    for number, step in enumerate(steps):
        for b in buffers_of(step.kernel):
            key = step.bound[b.name], replace(b, name="")
            name = names.setdefault(key, f"x{len(names)}")
            bound[name] = step.bound[b.name]
        part = _renamed(step, number, names)
        axes += part.axes
        stores += part.stores
    kernel = Kernel("bundle", tuple(axes), tuple(stores))
    labels = tuple(dict.fromkeys(n for s in steps for n in s.nodes))
    sources = tuple(dict.fromkeys(x for s in steps for x in s.sources))
    kept = {s.bound[n] for s in steps for n in s.lasting}
    lasting = frozenset(n for n, storage in bound.items() if storage in kept)
    name = f"{steps[0].name}_and_{len(steps) - 1}_more"
    because = "independent of each other: one launch"
    return KernelStep(kernel, bound, sources, because, labels, name, lasting)


def _renamed(step: KernelStep, number: int, names: dict[tuple[Storage, Buffer], str]) -> Kernel:
    """The kernel of a member under names that no other member has, but for shared buffers."""
    kernel = step.kernel

    def axis(name: str) -> str:
        return f"m{number}_{name}"

    def buffer(b: Buffer) -> Buffer:
        return replace(b, name=names[step.bound[b.name], replace(b, name="")])

    where = {a.name: Affine(((axis(a.name), 1),)) for a in kernel.axes}
    done = rebuild(roots_of(kernel), None, where, buffer)
    stores = (moved_store(s, where, done) for s in kernel.stores)
    axes = (
        replace(a, name=axis(a.name), part=a.part and replace(a.part, parent=axis(a.part.parent)))
        for a in kernel.axes
    )
    return replace(
        kernel,
        axes=tuple(axes),
        stores=tuple(replace(s, buffer=buffer(s.buffer)) for s in stores),
    )
