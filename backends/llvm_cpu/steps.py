"""A plan as a table for the native interpreter: loops and branches become jumps between records.

    carries of a loop   three words: what the body reads (p), writes (r), and writes next time (s);
                        at the end of a turn p, r, s = r, s, r, so nothing is copied
    rows of xs, ys      a word that is set to the address of row t at the start of turn t
    captured storages   the word of the parameter is set once, before the loop

The operations are described in `runtime_ir.py`, argument cells in `entry.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphc.dtypes import bool_
from graphc.ir.dim import Size, product
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

from .arena import address_of
from .jit import Code
from .kernels import Form, Native, copy_form
from .runtime_ir import WORDS, Operation
from .words import LONGEST_PART, Address, Memory, Share, Word, Words

_NAMED = ("input", "variable", "output", "constant", "arena")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A whole plan, ready to run: memory, and what its parts mean."""

    memory: Memory
    records: int
    """The address of the first record."""
    cells: Mapping[Storage, Address]
    """Of storages that keep one place during a call."""
    checks: tuple[CheckStep, ...]
    """Check number n (from 1) has failed: n is the status of the call."""
    commit: int
    """From this record on variables change."""
    steps: Mapping[int, Step]
    """The steps of records that run kernels."""
    extra: Mapping[Step, tuple[Storage, ...]]
    """What steps need in the arena besides the storages of the plan."""


def all_steps(plan: Plan) -> list[Step]:
    """The steps of a plan and of its regions."""
    inner = [s for step in plan.steps for region in regions_of(step) for s in all_steps(region)]
    return [*plan.steps, *inner]


def table_of(plan: Plan, native: Mapping[Step, Native], runtime: Code) -> Table:
    """Lower a plan; `runtime` holds the addresses of the kernels in `runtime_ir.py`."""
    writer = _Writer(native, runtime["graphc_copy"], runtime["graphc_part"])
    writer.region(plan.steps[: plan.commit])
    commit = len(writer.records)
    writer.region(plan.steps[plan.commit :])
    writer.record(Operation.STOP)
    start = writer.words.add(*(word for r in writer.records for word in r))
    memory = writer.words.lay_out()
    return Table(
        memory,
        memory.address(start),
        {s: cell for s, cell in writer.cells.items() if s.place in _NAMED},
        tuple(writer.checks),
        commit,
        writer.steps,
        writer.extra,
    )


class _Writer:
    """Appends records and the words that they work on."""

    def __init__(self, native: Mapping[Step, Native], copy: int, part: int) -> None:
        self.native, self.copy, self.part = native, copy, part
        self.words = Words()
        self.records: list[list[Word]] = []
        self.cells: dict[Storage, Address] = {}
        self.numbers: dict[Size, Address] = {}
        self.checks: list[CheckStep] = []
        self.steps: dict[int, Step] = {}
        self.extra: dict[Step, tuple[Storage, ...]] = {}
        self.zero = self.words.add(0)

    # ---- words and records

    def cell(self, storage: Storage) -> Address:
        """The word that holds the address of a storage."""
        if storage not in self.cells:
            value = address_of(storage.value.array) if storage.value else 0
            self.cells[storage] = self.words.add(value)
        return self.cells[storage]

    def number(self, size: Size) -> Address:
        """The word that holds the value of a size."""
        if size not in self.numbers:
            self.numbers[size] = self.words.add(size)
        return self.numbers[size]

    def record(self, operation: Operation, *operands: Word) -> int:
        """Append a record; its number."""
        padding = [0] * (WORDS - 1 - len(operands))
        self.records.append([int(operation), *operands, *padding])
        return len(self.records) - 1

    def land(self, record: int, operand: int) -> None:
        """Let a jump that is already written lead here."""
        self.records[record][operand] = len(self.records)

    def move(self, to: Address, source: Address) -> None:
        """*to = *source"""
        self.record(Operation.POINT, to, source, self.zero, 0, 0)

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
        if form.scratch:
            self.extra[step] = form.scratch
        self.run(step, form, native.phases)

    def run(self, step: Step, form: Form, phases: tuple[tuple[int, Size], ...]) -> None:
        cells = [self.cell(s) for s in form.pointers]
        arguments = self.words.add(*cells, *(self.number(n) for n in form.numbers))
        long = not isinstance(form.work, int) or form.work >= 2 * LONGEST_PART
        for function, items in phases:
            if long:
                self._parts(step, function, arguments, items, form.work)
            else:
                chunks = Share(items, form.work, "chunks")
                number = self.record(Operation.RUN, function, arguments, chunks, form.work)
                self.steps[number] = step

    def _parts(
        self, step: Step, function: int, arguments: Address, items: Size, work: Size
    ) -> None:
        """A phase that may take long, part by part."""
        parts, chunks = Share(items, work, "parts"), Share(items, work, "chunks")
        every, charged = Share(items, work, "all chunks"), Share(items, work, "work")
        given = self.words.add(function, arguments, 0, every)
        part = given + 2
        self.record(Operation.SET, part, 0)
        head = self.record(Operation.UNTIL, part, parts, 0)
        run = self.record(Operation.RUN, self.part, given, chunks, charged)
        self.steps[run] = step
        self.record(Operation.NEXT, part, head)
        self.land(head, 3)

    def _scan(self, step: ScanStep) -> None:
        carries = _Carries(self, step, step.body, step.init, step.final)
        parameters, results = _by_index(step.body, "parameter"), _by_index(step.body, "result")
        turn = self.words.add(0)
        carries.start()
        count = len(step.init)
        self._capture(parameters, count + len(step.xs), step.captured)
        self.record(Operation.SET, turn, 0)
        head = self.record(Operation.UNTIL, turn, step.length, 0)
        rows = [(parameters.get(count + i), x) for i, x in enumerate(step.xs)]
        rows += [(results.get(count + i), y) for i, y in enumerate(step.ys)]
        for inner, whole in rows:
            if inner is not None:
                self._row(step, turn, inner, whole)
        self.region(step.body.steps)
        carries.turn()
        self.record(Operation.NEXT, turn, head)
        self.land(head, 3)
        carries.finish()

    def _row(self, step: ScanStep, turn: Address, inner: Storage, whole: Storage) -> None:
        nbytes = product(whole.shape[1:]) * whole.dtype.itemsize
        first = (step.length - 1) * nbytes if step.reverse else 0
        stride = -1 * nbytes if step.reverse else nbytes
        self.record(
            Operation.POINT, self.cell(inner), self.cell(whole), turn, first, stride
        )  # fmt: skip

    def _while(self, step: WhileStep) -> None:
        carries = _Carries(self, step, step.body, step.init, step.final)
        tested, given = _by_index(step.condition, "parameter"), _by_index(step.body, "parameter")
        count = len(step.init)
        flag = Storage("flag", bool_, (), "arena")
        self.extra[step] = (*self.extra[step], flag)
        answer = _by_index(step.condition, "result")[0]
        carries.start()
        self._capture(given, count, step.captured)
        self._capture(tested, count, step.captured)
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
        self._capture(_by_index(body, "parameter"), 0, step.captured)
        self._capture(_by_index(body, "result"), 0, step.results)
        self.region(body.steps)

    def _capture(
        self, inner: Mapping[int, Storage], first: int, outer: tuple[Storage, ...]
    ) -> None:
        """Let storages of a region, from number `first` on, be those outside."""
        for i, storage in enumerate(outer):
            if first + i in inner:
                self.move(self.cell(inner[first + i]), self.cell(storage))


class _Carries:
    """The carries of a loop: what the body reads, what it writes, and the memory to write next."""

    def __init__(
        self, writer: _Writer, step: ScanStep | WhileStep, body: Plan,
        init: tuple[Storage, ...], final: tuple[Storage, ...],
    ) -> None:  # fmt: skip
        parameters, results = _by_index(body, "parameter"), _by_index(body, "result")
        assert not set(init) & set(final), "a loop does not write over its first carries"
        self.writer, self.step, self.init, self.final = writer, step, init, final
        self.spares = tuple(Storage("spare", s.dtype, s.shape, "arena") for s in final)
        writer.extra[step] = self.spares
        self.inner = [
            parameters.get(i) or Storage("carry", s.dtype, s.shape, "parameter")
            for i, s in enumerate(final)
        ]
        self.read = [writer.cell(s) for s in self.inner]
        self.written = [writer.cell(results[i]) for i in range(len(final))]
        self.following = [writer.words.add(0) for _ in final]

    def start(self) -> None:
        """p = init, r = final, s = the spare memory."""
        w = self.writer
        outer = zip(self.init, self.final, self.spares)
        inner = zip(self.read, self.written, self.following)
        for storages, cells in zip(outer, inner):
            for storage, cell in zip(storages, cells):
                w.move(cell, w.cell(storage))

    def turn(self) -> None:
        """p, r, s = r, s, r"""
        for p, r, s in zip(self.read, self.written, self.following):
            self.writer.move(p, r)
            self.writer.move(r, s)
            self.writer.move(s, p)

    def finish(self) -> None:
        """Bring what was carried last to the final storages, unless it is there."""
        for carry, final in zip(self.inner, self.final):
            form = copy_form(carry, final)
            (phase,) = form.phases
            self.writer.run(self.step, form, ((self.writer.copy, phase.items),))


def _by_index(plan: Plan, place: str) -> dict[int, Storage]:
    return {s.index: s for s in plan.storages if s.place == place}
