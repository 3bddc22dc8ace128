"""The native interpreter of a whole call: runs a table of records until it ends, fails, or rests.

A record is eight i64 words: an operation and its operands. Loops and branches are jumps, and their
counters and pointers are words in memory, so the position is all that a call leaves behind when it
rests. Tables are made in `steps.py`; kernels and their arguments are described in `ir/entry.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import I1, I8, I32, I64, POINTER, VOID, Number

from . import repeat_ir
from .table import Call

WORDS = 8
"""Words of a record."""
COPY_UNIT = 4096
"""Bytes that one item of the copy kernel moves."""
NAMES = ("graphc_run", "graphc_repeat", "graphc_copy", "graphc_part")


class Operation(IntEnum):
    """What a record does. Words named `cell` hold addresses of cells, `pc` numbers of records."""

    # fmt: off
    STOP = 0     #                                       the call is done
    RUN = 1      # function, arguments, chunks, work     run all chunks; work is charged
    CHECK = 2    # cell of an int32 pointer, number      leave with the number if it points to no 0
    JUMP = 3     # pc
    UNLESS = 4   # cell of a bool pointer, pc            jump if it points to false
    SET = 5      # cell, value                           *cell = value
    POINT = 6    # to, from, cell of t, first, step      *to = *from + first + t * step
    UNTIL = 7    # cell of t, limit, pc                  jump if t has reached the limit
    NEXT = 8     # cell of t, pc                         t += 1 and jump
    # fmt: on


def runtime_module(target: Target) -> Module:
    """`graphc_run(call) -> status`, the same for many calls, kernels. A call is words of `Call`.

    The status is 0 at the end, the number of a check that failed, or -1 once the work charged
    exceeds the budget. The position is where to go on; at the end, or at a check that failed, going
    on gives the same status again. `graphc_repeat` is described in `repeat_ir.py`.
    """
    module = Module(target)
    run = Function(module, NAMES[0], [(POINTER, "call")], result=I64)
    _Interpreter(run).write()
    repeat_ir.write_repeat(Function(module, NAMES[1], [(POINTER, "call")], result=I64), NAMES[0])
    chunk = [(f"{POINTER} noalias", "args"), (I32, "chunk"), (I32, "nchunks")]
    repeat_ir.write_rows(Function(module, repeat_ir.ROWS, chunk))
    _write_copy(Function(module, NAMES[2], chunk))
    _write_part(Function(module, NAMES[3], chunk))
    return module


class _Interpreter:
    """Writes `graphc_run`: one block per operation, all of which go on at `fetch`."""

    def __init__(self, f: Function) -> None:
        self.f = f
        self.pc = f.alloca(I64, 1, align=8, hint="pc")
        self.left = f.alloca(I64, 1, align=8, hint="left")
        self.records, self.parallel, self.pool = map(
            self._of_call, (Call.RECORDS, Call.PARALLEL, Call.POOL)
        )
        self.position = f.gep(I64, "%call", int(Call.POSITION))
        self.fetch = f.block("fetch")
        self.here = self.record = ""

    def _of_call(self, word: Call) -> str:
        return self.f.load(POINTER, self.f.gep(I64, "%call", int(word)))

    def write(self) -> None:
        f = self.f
        f.store(I64, f.load(I64, self.position), self.pc)
        f.store(I64, f.load(I64, f.gep(I64, "%call", int(Call.BUDGET))), self.left)
        f.branch(self.fetch)
        f.begin(self.fetch)
        self.here = f.load(I64, self.pc)
        self.record = f.gep(I64, self.records, f.mul(self.here, WORDS))
        f.store(I64, f.add(self.here, 1), self.pc)
        writers: dict[Operation, Callable[[], None]] = {
            Operation.STOP: self._stop,
            Operation.RUN: self._run,
            Operation.CHECK: self._check,
            Operation.JUMP: lambda: f.store(I64, self._word(1), self.pc),
            Operation.UNLESS: self._unless,
            Operation.SET: lambda: f.store(I64, self._word(2), self._pointer(1)),
            Operation.POINT: self._point,
            Operation.UNTIL: self._until,
            Operation.NEXT: self._next,
        }
        blocks = {o: f.block(o.name.lower()) for o in writers}
        cases = " ".join(f"i64 {int(o)}, label %{block}" for o, block in blocks.items())
        stop = blocks[Operation.STOP]
        f.do(f"switch i64 {f.load(I64, self.record)}, label %{stop} [ {cases} ]")
        for operation, write in writers.items():
            f.begin(blocks[operation])
            write()
            if operation is not Operation.STOP:
                f.branch(self.fetch)

    def _word(self, number: int) -> str:
        return self.f.load(I64, self.f.gep(I64, self.record, number))

    def _pointer(self, number: int) -> str:
        return self.f.load(POINTER, self.f.gep(I64, self.record, number))

    def _through(self, number: int, type_: str) -> str:
        """What the pointer in a cell points to."""
        return self.f.load(type_, self.f.load(POINTER, self._pointer(number)))

    def _stop(self) -> None:
        f = self.f
        f.store(I64, self.here, self.position)
        f.store(I64, f.load(I64, self.left), f.gep(I64, "%call", int(Call.BUDGET)))
        f.give_back(0)

    def _leave_if(self, condition: str, position: Number, status: Number) -> None:
        f = self.f
        leave, stay = f.block("leave"), f.block("stay")
        f.branch_if(condition, leave, stay)
        f.begin(leave)
        f.store(I64, position, self.position)
        f.give_back(status)
        f.begin(stay)

    def _run(self) -> None:
        f = self.f
        function, arguments = self._pointer(1), self._pointer(2)
        chunks = f.cast("trunc", I64, self._word(3), I32)
        alone, shared, done = f.block("alone"), f.block("shared"), f.block("done")
        f.branch_if(f.relate("gt", I32, chunks, 1), shared, alone)
        f.begin(alone)
        f.call_pointer(VOID, function, [(POINTER, arguments), (I32, 0), (I32, 1)])
        f.branch(done)
        f.begin(shared)
        operands = [(POINTER, self.pool), (POINTER, function), (POINTER, arguments), (I32, chunks)]
        f.call_pointer(VOID, self.parallel, operands)
        f.branch(done)
        f.begin(done)
        left = str(f.sub(f.load(I64, self.left), self._word(4)))
        f.store(I64, left, self.left)
        self._leave_if(f.relate("lt", I64, left, 0), f.add(self.here, 1), -1)

    def _check(self) -> None:
        failed = self.f.relate("ne", I32, self._through(1, I32), 0)
        self._leave_if(failed, self.here, self._word(2))

    def _jump_if(self, condition: str, number: int) -> None:
        self.f.if_(condition, lambda: self.f.store(I64, self._word(number), self.pc))

    def _unless(self) -> None:
        self._jump_if(self.f.relate("eq", I8, self._through(1, I8), 0), 2)

    def _point(self) -> None:
        f = self.f
        moved = f.add(self._word(4), f.mul(f.load(I64, self._pointer(3)), self._word(5)))
        f.store(I64, f.add(f.load(I64, self._pointer(2)), moved), self._pointer(1))

    def _until(self) -> None:
        turn = self.f.load(I64, self._pointer(1))
        self._jump_if(self.f.relate("ge", I64, turn, self._word(2)), 3)

    def _next(self) -> None:
        f, counter = self.f, self._pointer(1)
        f.store(I64, f.add(f.load(I64, counter), 1), counter)
        f.store(I64, self._word(2), self.pc)


def _write_part(f: Function) -> None:
    """Some chunks of a long phase; arguments: its function and arguments, the part, all chunks.

    A phase of many chunks runs in parts, so that the interpreter can rest in between.
    """
    function, arguments = (f.load(POINTER, f.gep(POINTER, "%args", i)) for i in (0, 1))
    part, count = (f.cast("trunc", I64, f.load(I64, f.gep(I64, "%args", i)), I32) for i in (2, 3))
    chunk = f.binary("add", I32, f.binary("mul", I32, part, "%nchunks"), "%chunk")
    f.call_pointer(VOID, function, [(POINTER, arguments), (I32, chunk), (I32, count)])
    f.give_back()


def _write_copy(f: Function) -> None:
    """The kernel target = source; arguments: source, target, bytes. One place is left alone."""

    def cell(position: int, type_: str) -> str:
        return f.load(type_, f.load(POINTER, f.gep(POINTER, "%args", position)))

    source, target, size = cell(0, POINTER), cell(1, POINTER), cell(2, I64)
    chunk, chunks = (f.cast("zext", I32, f"%{n}", I64) for n in ("chunk", "nchunks"))
    items = f.ceildiv(size, COPY_UNIT)
    low, high = (f.div(f.mul(c, items), chunks) for c in (chunk, f.add(chunk, 1)))
    begin, end = (f.min(size, f.mul(x, COPY_UNIT)) for x in (low, high))

    def copy() -> None:
        parts = [(POINTER, f.gep(I8, p, begin)) for p in (target, source)]
        count = [(I64, f.sub(end, begin)), (I1, "false")]
        f.call(VOID, "llvm.memcpy.p0.p0.i64", [*parts, *count])

    f.if_(f.relate("ne", POINTER, source, target), copy)
    f.give_back()
