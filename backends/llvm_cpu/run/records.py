"""Records for the native interpreter in the making, and the words that they work on.

What the operations mean is described in `runtime_ir.py`; which records a plan becomes is decided in
`steps.py` and, for what loops carry, in `carries.py`.
"""

from __future__ import annotations

from graphc.backends.llvm_cpu.kernels import Form
from graphc.ir.dim import Size
from graphc.ir.literal import Literal
from graphc.schedule.plan import Step, Storage

from .arena import address_of
from .runtime_ir import WORDS, Operation
from .words import LONGEST_PART, Address, Located, Part, Share, Word, Words


class Records:
    """Appends records. `part` is the address of the kernel that runs a part of a long phase."""

    def __init__(self, part: int) -> None:
        self.part = part
        self.words = Words()
        self.records: list[list[Word]] = []
        self.cells: dict[Storage, Address] = {}
        self.numbers: dict[Size, Address] = {}
        self.steps: dict[int, Step] = {}
        self.constants: list[Literal] = []
        self.zero = self.words.add(0)

    def cell(self, storage: Storage) -> Address:
        """The word that holds the address of a storage."""
        if storage not in self.cells:
            value = self.constant(storage.value) if storage.value else 0
            self.cells[storage] = self.words.add(value)
        return self.cells[storage]

    def constant(self, value: Literal) -> int:
        """The address of a constant array."""
        self.constants.append(value)
        return Located.at(address_of(value.array), "constant", len(self.constants) - 1)

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

    def run(self, step: Step, form: Form, phases: tuple[tuple[int, Size], ...]) -> None:
        """Run phases (address and items of each) of a form, for a step."""
        cells = [self.cell(s) for s in form.pointers]
        arguments = self.words.add(*cells, *(self.number(n) for n in form.numbers))
        long = not isinstance(form.work, int) or form.work >= 2 * LONGEST_PART
        for function, items in phases:
            if long:
                self._parts(step, form, function, arguments, items)
            else:
                chunks = Share(items, form.work, "chunks", form.most_chunks)
                number = self.record(Operation.RUN, function, arguments, chunks, form.work)
                self.steps[number] = step

    def _parts(
        self, step: Step, form: Form, function: int, arguments: Address, items: Size
    ) -> None:
        """A phase that may take long, part by part."""
        kinds: tuple[Part, ...] = ("parts", "chunks", "all chunks", "work")
        shares = (Share(items, form.work, what, form.most_chunks) for what in kinds)
        parts, chunks, every, charged = shares
        given = self.words.add(function, arguments, 0, every)
        part = given + 2
        self.record(Operation.SET, part, 0)
        head = self.record(Operation.UNTIL, part, parts, 0)
        run = self.record(Operation.RUN, self.part, given, chunks, charged)
        self.steps[run] = step
        self.record(Operation.NEXT, part, head)
        self.land(head, 3)
