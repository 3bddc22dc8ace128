"""A plan as a table for the native interpreter: loops and branches become jumps between records.

    carries of a loop   words that change places (`carries.py`)
    rows of xs, ys      a word that is set to the address of row t at the start of turn t
    captured storages   the word of the parameter is set once, before the loop; what kernels of the
                        body prepare from these alone (panels of weights) is prepared there too

The operations are described in `runtime_ir.py`, argument cells in `ir/entry.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from graphc.backends.llvm_cpu.kernels import Native
from graphc.dtypes import bool_
from graphc.schedule.memory import regions_of
from graphc.schedule.plan import (
    CheckStep,
    CondStep,
    Plan,
    ScanStep,
    Step,
    Storage,
    WhileStep,
)
from graphc.schedule.touch import reads

from .carries import Carries, by_index, point_to_row
from .records import Records
from .runtime_ir import Operation
from .table import Kept, Table

_NAMED = ("input", "variable", "output", "constant", "arena")


def all_steps(plan: Plan) -> list[Step]:
    """The steps of a plan and of its regions."""
    inner = [s for step in plan.steps for region in regions_of(step) for s in all_steps(region)]
    return [*plan.steps, *inner]


def table_of(plan: Plan, native: Mapping[Step, Native], runtime: Mapping[str, int]) -> Table:
    """Lower a plan; `runtime` holds the addresses of the kernels in `runtime_ir.py`."""
    writer = _Writer(native, runtime["graphc_copy"], runtime["graphc_part"])
    kept = writer.keep(plan) if plan.lasting else None
    writer.region(plan.steps[plan.kept : plan.commit])
    commit = len(writer.records)
    writer.region(plan.steps[plan.commit :])
    writer.record(Operation.STOP)
    start = writer.words.add(*(word for r in writer.records for word in r))
    memory = writer.words.lay_out()
    return Table(
        memory,
        start,
        {s: cell for s, cell in writer.cells.items() if s.place in _NAMED},
        tuple(writer.checks),
        commit,
        writer.steps,
        writer.extra,
        tuple(writer.constants),
        kept,
        tuple(writer.scratch),
    )


class _Writer(Records):
    """Appends the records of steps."""

    def __init__(self, native: Mapping[Step, Native], copy: int, part: int) -> None:
        super().__init__(part)
        self.native, self.copy = native, copy
        self.checks: list[CheckStep] = []
        self.extra: dict[Step, tuple[Storage, ...]] = {}
        self.done: set[tuple[Step, int]] = set()
        """Phases that run before the loop around their step, or where things are kept."""
        self.scratch: list[Storage] = []
        """What phases keep between calls."""

    # ---- what is kept

    def keep(self, plan: Plan) -> Kept | None:
        """Kept steps, and phases that read nothing else: skipped where the word is set."""
        word = self.words.add(0)
        head = self.record(Operation.UNTIL, word, 1, 0)
        self.region(plan.steps[: plan.kept])
        read = {s for step in plan.steps[: plan.kept] for s in reads(step)}
        for step in plan.steps[plan.kept :]:
            read |= self._prepare(step, {s: s for s in plan.lasting})
            for body, outer in _captures(step):
                read |= self._prepare_inside(body, outer, plan.lasting)
        if len(self.records) == head + 1:
            self.records.clear()
            return None
        self.record(Operation.SET, word, 1)
        self.land(head, 3)
        return Kept(word, tuple(sorted(s.index for s in read if s.place == "variable")))

    def _prepare(self, step: Step, lasting: Mapping[Storage, Storage]) -> set[Storage]:
        """Run the phases of a step that only prepare scratch from such storages; what they read."""
        native, found = self.native.get(step), set[Storage]()
        for i, phase in enumerate(native.form.phases if native else ()):
            read = {native.form.pointers[n] for n in phase.reads} if native else set()
            if native and read and read <= lasting.keys():
                self.done.add((step, i))
                self.scratch.append(native.form.scratch[i])
                self.run(step, native.form, (native.phases[i],))
                found |= {lasting[s] for s in read}
        return found

    def _prepare_inside(
        self, body: Plan, outer: Mapping[Storage, Storage], lasting: Collection[Storage]
    ) -> set[Storage]:
        """The same for the steps of a loop or branch; `outer` is what its parameters stand for."""
        known = {inner: s for inner, s in outer.items() if s in lasting}
        for inner, storage in known.items():
            self.move(self.cell(inner), self.cell(storage))
        known |= {s: s for s in body.storages if s.place == "constant"}
        return {s for step in body.steps for s in self._prepare(step, known)}

    # ---- steps

    def region(self, steps: tuple[Step, ...]) -> None:
        """The records of steps in order."""
        for step in steps:
            match step:
                case ScanStep():
                    self._scan(step)
                case WhileStep():
                    self._while(step)
                case CondStep():
                    self._cond(step)
                case CheckStep():
                    self.checks.append(step)
                    self.record(Operation.CHECK, self.cell(step.flag), len(self.checks))
                case _:
                    self._native(step, self.native[step])

    def _native(self, step: Step, native: Native) -> None:
        form = native.form
        here = [i for i in range(len(native.phases)) if (step, i) not in self.done]
        hoisted = [form.scratch[i] for i in range(len(native.phases)) if i not in here]
        if scratch := tuple(s for s in form.scratch if s not in hoisted):
            self.extra[step] = scratch
        self.run(step, form, tuple(native.phases[i] for i in here))

    def _scan(self, step: ScanStep) -> None:
        carries = Carries(self, self.copy, step, step.body)
        self.extra[step] = tuple(carries.spares.values())
        parameters, results = by_index(step.body, "parameter"), by_index(step.body, "result")
        turn = self.words.add(0)
        carries.start()
        count = len(step.init)
        self._capture(parameters, count + len(step.xs), step.captured)
        self._hoist(step, step.body, count + len(step.xs))
        self.record(Operation.SET, turn, 0)
        carries.first_rows(turn)
        head = self.record(Operation.UNTIL, turn, step.length, 0)
        rows = [(parameters.get(count + i), x) for i, x in enumerate(step.xs)]
        rows += [(results.get(count + i), y) for i, y in enumerate(step.ys)]
        for inner, whole in rows:
            if inner is not None:
                point_to_row(self, step, turn, self.cell(inner), whole)
        carries.rows(turn)
        self.region(step.body.steps)
        carries.turn()
        self.record(Operation.NEXT, turn, head)
        self.land(head, 3)
        carries.finish()

    def _hoist(self, loop: ScanStep | WhileStep, body: Plan, first: int) -> None:
        """Run before a loop what only prepares scratch from captured storages and constants."""
        parameters = by_index(body, "parameter")
        fixed = {s for i, s in parameters.items() if i >= first}
        fixed |= {s for s in body.storages if s.place == "constant"}
        for step in body.steps:
            native = self.native.get(step)
            for i, phase in enumerate(native.form.phases if native else ()):
                read = {native.form.pointers[n] for n in phase.reads} if native else set()
                if native and read and read <= fixed and (step, i) not in self.done:
                    self.done.add((step, i))
                    self.extra[loop] = (*self.extra[loop], native.form.scratch[i])
                    self.run(step, native.form, (native.phases[i],))

    def _while(self, step: WhileStep) -> None:
        carries = Carries(self, self.copy, step, step.body)
        tested, given = by_index(step.condition, "parameter"), by_index(step.body, "parameter")
        count = len(step.init)
        flag = Storage("flag", bool_, (), "arena")
        self.extra[step] = (*carries.spares.values(), flag)
        answer = by_index(step.condition, "result")[0]
        carries.start()
        self._capture(given, count, step.captured)
        self._capture(tested, count, step.captured)
        self._hoist(step, step.body, count)
        self.move(self.cell(answer), self.cell(flag))
        head = len(self.records)
        for i, p in enumerate(carries.read):
            if i in tested:
                self.move(self.cell(tested[i]), p)
        self.region(step.condition.steps)
        leave = self.record(Operation.UNLESS, self.cell(answer), 0)
        self.region(step.body.steps)
        carries.turn()
        self.record(Operation.JUMP, head)
        self.land(leave, 2)
        carries.finish()

    def _cond(self, step: CondStep) -> None:
        otherwise = self.record(Operation.UNLESS, self.cell(step.predicate), 0)
        self._branch(step, step.then_body)
        end = self.record(Operation.JUMP, 0)
        self.land(otherwise, 2)
        self._branch(step, step.else_body)
        self.land(end, 1)

    def _branch(self, step: CondStep, body: Plan) -> None:
        self._capture(by_index(body, "parameter"), 0, step.captured)
        self._capture(by_index(body, "result"), 0, step.results)
        self.region(body.steps)

    def _capture(
        self, inner: Mapping[int, Storage], first: int, outer: tuple[Storage, ...]
    ) -> None:
        """Let storages of a region, from number `first` on, be those outside."""
        for i, storage in enumerate(outer):
            if first + i in inner:
                self.move(self.cell(inner[first + i]), self.cell(storage))


def _captures(step: Step) -> Iterator[tuple[Plan, Mapping[Storage, Storage]]]:
    """The plans that a step runs, and what those of their parameters stand for that stay the same
    in all turns."""
    match step:
        case ScanStep(body=body, init=init, xs=xs):
            bodies, first = (body,), len(init) + len(xs)
        case WhileStep(condition=condition, body=body, init=init):
            bodies, first = (condition, body), len(init)
        case CondStep(then_body=then_body, else_body=else_body):
            bodies, first = (then_body, else_body), 0
        case _:
            return
    for body in bodies:
        inner = by_index(body, "parameter")
        captured = enumerate(step.captured, start=first)
        yield body, {inner[i]: storage for i, storage in captured if i in inner}
