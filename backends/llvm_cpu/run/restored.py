"""A function from the cache: it runs at once, and is compiled again only to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, final

from graphc.backends.llvm_cpu import late
from graphc.passes.pipeline import PassReport
from graphc.program import Draft
from graphc.schedule.plan import Plan, Step

from .runner import Runner
from .stored import Stored

if TYPE_CHECKING:
    from graphc.backends.llvm_cpu.kernels import Native
    from graphc.backends.llvm_cpu.program import LLVMExecutable


@final
class Restored(Runner):
    """A stored table, and the draft that it was made from."""

    def __init__(self, stored: Stored, draft: Draft) -> None:
        self.draft, self.code = draft, stored.code
        super().__init__(
            draft.name, stored.table, stored.memory_plan, stored.outputs, draft.variables,
            *stored.code.entries[:2],
        )  # fmt: skip

    @cached_property
    def whole(self) -> LLVMExecutable:
        """The same function with its plan."""
        return late.executable(self.draft.program)

    @property
    def plan(self) -> Plan:
        """The plan that the table was made from."""
        return self.whole.plan

    @property
    def native(self) -> Mapping[Step, Native]:
        """The machine code of its steps."""
        return self.whole.native

    def step_of(self, record: int) -> Step:
        """The step that a record belongs to."""
        return self.whole.step_of(record)

    def explain(self, report: Sequence[PassReport] = ()) -> str:
        """The passes of the report, kernels and what was not fused and why, memory."""
        if self._current:
            self.whole.prepare(self._current.sizes)
        return self.whole.explain(report)
