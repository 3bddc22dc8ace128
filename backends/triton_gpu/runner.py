"""A compiled program: its plan, its launches, and its memory on a device.

What depends on sizes is worked out once and recorded: the steps between two questions to the device
are replayed as one. Intermediate arrays lie in one arena, at the offsets of the memory plan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from graphc.batches import Batches
from graphc.debug.explain import Known, explain
from graphc.errors import OutOfRangeError
from graphc.ir.dim import Size, evaluate
from graphc.ops.variable import Variable
from graphc.passes.pipeline import PassReport
from graphc.schedule.memory import MemoryPlan, blocks_of, kept_storages, regions_of
from graphc.schedule.plan import CheckStep, Plan, Step, Storage
from graphc.schedule.touch import writes
from graphc.target import Memory as Needs

from .actions import Actions, Spares, waits
from .device import Device, Memory
from .epoch import Epoch
from .kernels import Form, TileOf, all_steps, forms_of, inner_steps, usual
from .run.residents import Residents

KNOWN_SIZES = 64
"""For how many combinations of sizes the recordings are kept."""


@dataclass(slots=True, eq=False)
class Prepared:
    """A plan at known sizes: memory of inputs and outputs, and what to replay."""

    sizes: Mapping[str, int]
    inputs: list[Memory]
    outputs: list[Memory]
    results: list[tuple[tuple[int, ...], np.dtype]]
    nbytes: np.ndarray
    """Of the blocks of the memory plan."""
    parts: list[Part]
    actions: Actions | None = None
    """None where the arena is another one by now."""


@dataclass(slots=True, eq=False)
class Part:
    """Steps that run without a question in between; recorded when they run for the first time."""

    steps: tuple[Step, ...]
    may_record: bool
    checks: frozenset[Step] = field(init=False)
    """The checks among the steps and in their loops."""
    changes: tuple[int, ...] = field(init=False)
    """The variables that the steps change, by number."""
    replay: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        every = [x for s in self.steps for x in (s, *inner_steps(s))]
        self.checks = frozenset(s for s in every if isinstance(s, CheckStep))
        written = {s for step in every for s in writes(step)}
        self.changes = tuple(sorted({s.index for s in written if s.place == "variable"}))


@final
class Runner:
    """What `graphc.target.Executable` asks for. Calls from several threads take turns."""

    def __init__(
        self, plan: Plan, variables: Sequence[Variable], device: Device, residents: Residents,
        tile_of: TileOf = usual,
    ) -> None:  # fmt: skip
        self.plan, self.device, self.variables = plan, device, tuple(variables)
        steps = list(all_steps(plan))
        self.forms: dict[Step, Form] = forms_of(plan, tile_of)
        self.spares = Spares.needed(steps)
        launches = {c.launch: None for f in self.forms.values() for c in (*f.calls, *f.wide)}
        self.ready = dict(zip(launches, device.prepare(list(launches)), strict=True))
        spare = {s: self.spares.owned(s) for s in self.spares.of}
        extra = {**{s: f.scratch for s, f in self.forms.items()}, **spare}
        kept = [s for step in plan.steps[: plan.kept] for s in extra.get(step, ())]
        self.memory_plan = MemoryPlan(blocks_of(plan, extra, kept))
        self._outputs = [s for s in plan.storages if s.place == "output"]
        self._inputs = {s.index: s for s in plan.storages if s.place == "input"}
        self._constants = self._uploaded_constants()
        self._checks = [s for s in steps if isinstance(s, CheckStep)]
        self._raised = np.zeros(len(self._checks), np.int32)
        self._flags = device.allocate(self._raised.nbytes)
        device.write(self._flags.address, self._raised)
        self.residents = residents
        self._arena: Memory | None = None
        self._prepared: dict[tuple[tuple[str, int], ...], Prepared] = {}
        self._current: Prepared | None = None
        self._kept: tuple[int, ...] | None = None
        self.lock = threading.Lock()

    def run(self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The results; updates the storage of variables.

        Raises:
            OutOfRangeError: a check of the plan failed.
            OutOfMemoryError: the arrays do not fit into the memory of the device.
        """
        with self.lock:
            return self._run(inputs, sizes)

    def repeat(self, batches: Batches) -> list[np.ndarray]:
        """What `graphc.batches.one_by_one` does: the examples are sent once, and steps queue up.

        Raises:
            OutOfRangeError, OutOfMemoryError: as `run`.
        """
        with self.lock:
            return Epoch(self, batches).run()

    def needs(self, sizes: Mapping[str, int]) -> Needs:
        """What a call at these sizes needs; nothing is allocated."""

        def value(size: Size) -> int:
            return evaluate(size, sizes)

        return Needs(
            sum(value(s.nbytes) for s in self._outputs),
            self.memory_plan.needs(self.memory_plan.measure(value)),
            sum(v.nbytes for v in self.variables),
        )

    def explain(self, report: Sequence[PassReport] = ()) -> str:
        """The passes of the report, kernels and what was not fused and why, memory."""
        remark = f"code    {len(self.forms)} kernel steps, {len(self.ready)} distinct functions"
        sizes = self._current.sizes if self._current else {}
        kept = sum(evaluate(s.nbytes, {}) for s in kept_storages(self.plan))
        known = Known(sizes, {}, (remark, f"device  {self.device.name}"), self.memory_plan, kept)
        return explain(self.plan, report, known)

    # ------------------------------------------------------------------ a call

    def _run(self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        prepared = self.prepare(sizes)
        for memory, array in zip(prepared.inputs, inputs, strict=True):
            self.device.write(memory.address, array)
        self.play(prepared)
        results = []
        for memory, (shape, dtype) in zip(prepared.outputs, prepared.results, strict=True):
            array = np.empty(shape, dtype)
            self.device.read(memory.address, array)
            results.append(array)
        return results

    def play(self, prepared: Prepared) -> None:
        """All steps, on the inputs that are on the device; waits for nothing that it need not."""
        self.residents.bring(self.variables)
        for number, part in enumerate(prepared.parts):
            if number == 0 and self._is_kept():
                continue
            try:
                self._play(part, self._actions(prepared))
            finally:
                self.residents.changed([self.variables[i] for i in part.changes])

    def _play(self, part: Part, actions: Actions) -> None:
        if part.replay is None and part.may_record and part.steps:
            part.replay = self.device.record(lambda: actions.run(part.steps))
        if part.replay is not None:
            part.replay()
        else:
            actions.run(part.steps)
        self._look_at_flags(part)

    def _look_at_flags(self, part: Part) -> None:
        mine = [i for i, check in enumerate(self._checks) if check in part.checks]
        if not mine:
            return
        self.device.read(self._flags.address, self._raised)
        for i in mine:
            if self._raised[i]:
                self.device.write(self._flags.address, np.zeros_like(self._raised))
                raise OutOfRangeError(self._checks[i].problem, source=self._checks[i].source)

    # ------------------------------------------------------------------ sizes

    def prepare(self, sizes: Mapping[str, int]) -> Prepared:
        """Memory for these sizes."""
        key = tuple(sizes.items())
        found = self._prepared.get(key)
        if found is None:
            if len(self._prepared) >= KNOWN_SIZES:
                self._prepared.clear()
            found = self._prepared[key] = self._new(sizes)
        if found.actions is None:
            self._fit(found)
        self._current = found
        return found

    def _new(self, sizes: Mapping[str, int]) -> Prepared:
        def value(size: Size) -> int:
            return evaluate(size, sizes)

        def memory(s: Storage) -> Memory:
            return self.device.allocate(value(s.nbytes))

        inputs = [memory(self._inputs[i]) for i in sorted(self._inputs)]
        outputs = [memory(s) for s in self._outputs]
        results = [(tuple(map(value, s.shape)), s.dtype.numpy) for s in self._outputs]
        nbytes = self.memory_plan.measure(value)
        return Prepared(sizes, inputs, outputs, results, nbytes, parts_of(self.plan))

    def _fit(self, prepared: Prepared) -> None:
        """An arena with room for these sizes. Another arena makes recordings useless."""
        before = self.memory_plan.layout
        layout = self.memory_plan.fit(prepared.nbytes)
        if self._arena is not None and layout is before:
            return
        for other in self._prepared.values():
            other.actions = None
            for part in other.parts:
                part.replay = None
        # The old arena goes first: both together might not fit.
        self._arena, self._kept = None, None
        try:
            self._arena = self.device.allocate(layout.nbytes)
        except BaseException:
            self.memory_plan.forget()
            raise

    def _actions(self, prepared: Prepared) -> Actions:
        if prepared.actions is None:
            prepared.actions = self._placed(prepared)
        return prepared.actions

    def _placed(self, prepared: Prepared) -> Actions:
        assert self._arena is not None, "the arena is there"
        addresses = self.residents.bring(self.variables)
        places = {s: m.address for s, m in self._constants.items()}
        places |= {s: addresses[s.index] for s in self.plan.storages if s.place == "variable"}
        layout = self.memory_plan.layout
        places |= {s: self._arena.address + o for s, o in layout.offsets.items()}
        places |= {
            self._inputs[i]: m.address for i, m in zip(sorted(self._inputs), prepared.inputs)
        }
        places |= {s: m.address for s, m in zip(self._outputs, prepared.outputs)}
        return Actions(
            self.device, prepared.sizes, places, self.forms, self.ready, self.spares,
            {check: self._flags.address + 4 * i for i, check in enumerate(self._checks)},
        )  # fmt: skip

    # ------------------------------------------------------------------ variables and constants

    def _uploaded_constants(self) -> dict[Storage, Memory]:
        found: dict[Storage, Memory] = {}
        plans = [self.plan, *(r for s in all_steps(self.plan) for r in regions_of(s))]
        for s in (s for p in plans for s in p.storages if s.place == "constant"):
            assert s.value is not None, "a constant has a value"
            array = np.ascontiguousarray(s.value.array)
            found[s] = self.device.allocate(array.nbytes)
            self.device.write(found[s].address, array)
        return found

    def _is_kept(self) -> bool:
        """Whether what the kept steps wrote still holds; it does after they have run."""
        lasting = {s.index for s in self.plan.lasting if s.place == "variable"}
        versions = tuple(self.variables[i].version for i in sorted(lasting))
        before, self._kept = self._kept, versions
        return self.plan.kept == 0 or before == versions


def parts_of(plan: Plan) -> list[Part]:
    """The kept steps, then the others: cut where the device is asked, and before the first step
    that changes a variable, because a call that fails shall have changed nothing."""
    parts = [Part(plan.steps[: plan.kept], True)]
    steps: list[Step] = []
    checked = False
    for number, step in enumerate(plan.steps[plan.kept :], start=plan.kept):
        checked = checked or isinstance(step, CheckStep)
        if waits(step) or (checked and number == plan.commit):
            parts.append(Part(tuple(steps), True))
            steps = []
            checked = False
        if waits(step):
            parts.append(Part((step,), False))
        else:
            steps.append(step)
    return [*parts, Part(tuple(steps), True)]
