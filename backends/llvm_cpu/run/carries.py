"""What a loop carries from turn to turn: words that change places, so that nothing is copied.

plain     three words: what the body reads (p), writes (r), and writes next time (s);
          at the end of a turn p, r, s = r, s, r
stacked   rows of `ys` are the memory: row t is what turn t reads (the carry before each turn is
          stacked), or what it writes (the carry after it); at the end of a turn p = r
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from graphc.backends.llvm_cpu.kernels import copy_form
from graphc.ir.dim import Size, product
from graphc.schedule.plan import Plan, ScanStep, Step, Storage, WhileStep

from .records import Records
from .runtime_ir import Operation
from .words import Address

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class _Carry:
    """One carry. `rows` are where it is stacked, if it is."""

    init: Storage
    inner: Storage
    final: Storage
    read: Address
    written: Address
    rows: Storage | None = None
    when: When = "before"


class Carries:
    """The carries of a loop."""

    def __init__(self, records: Records, copy: int, step: ScanStep | WhileStep, body: Plan) -> None:
        assert not set(step.init) & set(step.final), "a loop does not write over its first carries"
        self.records, self.copy, self.step = records, copy, step
        stacked = _stacked(step)
        parameters, results = by_index(body, "parameter"), by_index(body, "result")
        self.all: list[_Carry] = []
        for i, (init, final) in enumerate(zip(step.init, step.final)):
            inner = parameters.get(i) or Storage("carry", final.dtype, final.shape, "parameter")
            read, written = records.cell(inner), records.cell(results[i])
            rows, when = stacked.get(i, (None, "before"))
            self.all.append(_Carry(init, inner, final, read, written, rows, when))
        self.spares = {
            c: Storage("spare", c.final.dtype, c.final.shape, "arena")
            for c in self.all
            if c.rows is None
        }
        self.following = {c: records.words.add(0) for c in self.spares}

    @property
    def read(self) -> list[Address]:
        """The words that the body reads."""
        return [c.read for c in self.all]

    def start(self) -> None:
        """Plain: p = init, r = final, s = the spare memory. Stacked: p = init."""
        move, cell = self.records.move, self.records.cell
        for c in self.all:
            move(c.read, cell(c.init))
            if c.rows is None:
                move(c.written, cell(c.final))
                move(self.following[c], cell(self.spares[c]))

    def first_rows(self, turn: Address) -> None:
        """Stacked before each turn: the first carry goes to the first row, if there is one."""
        assert isinstance(self.step, ScanStep), "only scans have rows"
        r, first = self.records, [c for c in self.all if c.rows and c.when == "before"]
        if not first:
            return
        empty = r.record(Operation.UNTIL, turn, self.step.length, 0)
        for c in first:
            assert c.rows, "a stacked carry has rows"
            point_to_row(r, self.step, turn, c.read, c.rows)
            self._copied(c.init, c.inner)
        r.land(empty, 3)

    def rows(self, turn: Address) -> None:
        """At the start of a turn: where stacked carries are written."""
        if not isinstance(self.step, ScanStep):
            return
        r, step = self.records, self.step
        for c in self.all:
            if c.rows and c.when == "after":
                point_to_row(r, step, turn, c.written, c.rows)
        following = [c for c in self.all if c.rows and c.when == "before"]
        if not following:
            return
        last = r.record(Operation.UNTIL, turn, step.length - 1, 0)
        for c in following:
            assert c.rows, "a stacked carry has rows"
            point_to_row(r, step, turn, c.written, c.rows, further=1)
        over = r.record(Operation.JUMP, 0)
        r.land(last, 3)
        for c in following:
            r.move(c.written, r.cell(c.final))
        r.land(over, 1)

    def turn(self) -> None:
        """Plain: p, r, s = r, s, r. Stacked: p = r."""
        for c in self.all:
            self.records.move(c.read, c.written)
            if c.rows is None:
                self.records.move(c.written, self.following[c])
                self.records.move(self.following[c], c.read)

    def finish(self) -> None:
        """Bring what was carried last to the final storages, unless it is there."""
        for c in self.all:
            self._copied(c.inner, c.final)

    def _copied(self, source: Storage, target: Storage) -> None:
        form = copy_form(source, target)
        (phase,) = form.phases
        self.records.run(self.step, form, ((self.copy, phase.items),))


def _stacked(step: Step) -> dict[int, tuple[Storage, When]]:
    """Where carries of a scan are stacked."""
    found: dict[int, tuple[Storage, When]] = {}
    if isinstance(step, ScanStep):
        found = {i: (rows, "before") for i, rows in step.before}
        assert not found.keys() & dict(step.after).keys(), "a carry has one memory"
        found |= {i: (rows, "after") for i, rows in step.after}
    return found


def point_to_row(
    records: Records, step: ScanStep, turn: Address, to: Address, whole: Storage, further: int = 0
) -> None:
    """*to = the row of this turn, or of one `further` on."""
    nbytes: Size = product(whole.shape[1:]) * whole.dtype.itemsize
    first = (step.length - 1) * nbytes if step.reverse else 0
    stride = -1 * nbytes if step.reverse else nbytes
    start = first + further * stride
    records.record(Operation.POINT, to, records.cell(whole), turn, start, stride)


def by_index(plan: Plan, place: str) -> Mapping[int, Storage]:
    """The parameters or results of a region by their number."""
    return {s.index: s for s in plan.storages if s.place == place}
