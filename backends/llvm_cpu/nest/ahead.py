"""What the next item reads is asked for while this one is computed.

    for row:  maximum of x[row, :]              reads memory
              sum of exp(x[row, :] - maximum)   reads the L1 cache, and asks for x[row + 1, :]
Only the first pass over a row waits for memory; without this nothing is on its way during the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from graphc.backends.llvm_cpu.ir.types import memory_type
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Expr, Load
from graphc.kernels.levels import walk_until

from .body import Body

LINE = 64
"""Bytes of a cache line."""


class Ahead:
    """Which loads earlier passes of an item have read, and which of them were asked for."""

    def __init__(self, body: Body, lanes: str | None, moving: str | None) -> None:
        self.body, self.f, self.lanes = body, body.f, lanes
        self.moving = moving
        """The axis along which items follow each other."""
        self.read: set[Load] = set()
        self.asked: set[Load] = set()

    @contextmanager
    def item(self) -> Iterator[None]:
        """All passes of one item are emitted inside."""
        saved = self.read, self.asked
        self.read, self.asked = set(), set()
        yield
        self.read, self.asked = saved

    def of_pass(self, roots: Iterable[Expr]) -> Callable[[], None]:
        """For a pass along the lanes that computes some roots: what to emit in its loop."""
        if self.moving is None:
            return lambda: None
        below, bound = walk_until(roots, self.body.memo), self.body.place.bound()
        rows = [e for e in below if isinstance(e, Load) and e.free <= bound | {self.lanes}]
        mine = [e for e in rows if self.moves(e)]
        wanted = [e for e in mine if e in self.read and e not in self.asked]
        self.read.update(mine)
        self.asked.update(wanted)
        return lambda: self.ask(wanted)

    def moves(self, e: Load) -> bool:
        """Whether a load reads a dense row, and another one at the next item."""
        if e.checked or e.exact or self.lanes is None or self.moving is None:
            return False
        dense = address_coef(e.buffer, e.index, self.lanes) == 1
        return dense and address_coef(e.buffer, e.index, self.moving) not in (0, None)

    def ask(self, loads: Iterable[Load]) -> None:
        """Begin to bring near what the next item reads where this one is."""
        place, f = self.body.place, self.f
        assert place.lanes, "a pass along the lanes"
        assert self.moving, "items follow each other along some axis"
        for e in loads:
            step = address_coef(e.buffer, e.index, self.moving)
            assert step is not None, "only loads of known distances are asked for"
            element, size = memory_type(e.buffer.dtype), e.buffer.dtype.itemsize
            here = self.body.memory.address(e.buffer, e.index).pointer
            there = f.gep(element, here, place.size(step))
            count = place.lanes.groups * place.width
            for first in range(0, count, LINE // size):
                f.prefetch(f.gep(element, there, first))
