"""A compiled program: its plan, the machine code of its kernels, and what runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from graphc.debug.explain import Known, explain
from graphc.debug.stages import watch
from graphc.ir.dim import evaluate
from graphc.ir.fingerprint import Fingerprint
from graphc.ops.variable import Variable
from graphc.passes.pipeline import PassReport, without_collection
from graphc.program import Interface, Program
from graphc.schedule.memory import MemoryPlan, blocks_of, kept_storages
from graphc.schedule.plan import Plan, Storage
from graphc.schedule.schedule import make_plan

from .host import host
from .kernels import Compilation, Native
from .listing import listings
from .objects import jit
from .objects.elf import Image
from .run import pool_ir, pool_words, steps
from .run.runner import Runner
from .run.stored import encoded

SECONDS_PER_NODE = 0.003
"""What a node of a graph costs to compile: measured on training steps, small and large."""


@final
class LLVMExecutable(Runner):
    """A plan as machine code, with its memory."""

    def __init__(
        self, plan: Plan, variables: Sequence[Variable] = (), begun: Compilation | None = None
    ) -> None:
        self.plan = plan
        with begun or Compilation() as compilation:
            self.native, self.code = compilation.finish(steps.all_steps(plan))
        runtime = self.code.addresses[0]
        table = steps.table_of(plan, self.native, runtime)
        memory_plan = MemoryPlan(blocks_of(plan, table.extra, table.scratch))
        super().__init__(
            plan.name, table, memory_plan, self._outputs(), variables,
            runtime["graphc_run"], runtime["graphc_repeat"],
        )  # fmt: skip

    def stored(self, print_: Fingerprint, interface: Interface) -> bytes | None:
        """The bytes from which another process can run this; None if there are none."""
        if self.code.image is None:
            return None
        image, outputs = self.code.image, self._outputs()
        return encoded(print_, self.table, self.memory_plan, outputs, image, interface)

    def _outputs(self) -> list[Storage]:
        return [s for s in self.plan.storages if s.place == "output"]

    def explain(self, report: Sequence[PassReport] = ()) -> str:
        """The passes of the report, kernels and what was not fused and why, memory."""
        distinct = {n.form.unit.key for n in self.native.values()}
        remark = f"code    {len(self.native)} native steps, {len(distinct)} of them distinct"
        notes = {step: note for step, n in self.native.items() if (note := _note(n))}
        sizes = self._current.sizes if self._current else {}
        kept = sum(evaluate(s.nbytes, {}) for s in (*kept_storages(self.plan), *self.table.scratch))
        known = Known(sizes, notes, (remark,), self.memory_plan, kept)
        return explain(self.plan, report, known)


def _note(native: Native) -> str:
    """What there is to say about the code of a step."""
    words = [f"in {len(native.phases)} phases"] if len(native.phases) > 1 else []
    return "; ".join([*words, *([native.form.note] if native.form.note else [])])


def compiled(program: Program) -> LLVMExecutable:
    """A program as machine code; the switches say what is printed of it.

    Raises:
        CompileError: a kernel cannot be compiled, a defect of the code generator.
    """
    stages = watch(program.name)
    expected = SECONDS_PER_NODE * len(program.graph.nodes)
    with without_collection(), Compilation(expected) as compilation:
        plan = make_plan(program, stages.rewritten if stages else None, compilation.begin)
        made = LLVMExecutable(plan, program.variables, compilation)
    if stages is not None:
        stages.planned(plan)
        stages.generated(plan, listings(made.native))
    return made


def pool_functions(portable: bool) -> tuple[tuple[int, ...], Image | None, object]:
    """The functions of a pool, their image, and what keeps them in memory."""
    text = pool_ir.pool_module(host(), portable).text()
    unit = jit.unit_of(text, *pool_words.NAMES)
    linked = jit.linked([unit], {unit.key: jit.objects([unit], host())[0]})
    return tuple(linked.addresses[0][name] for name in pool_words.NAMES), linked.image, linked
