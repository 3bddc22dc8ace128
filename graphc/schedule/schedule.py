"""From a graph to a plan: groups, kernels, storages, the order of steps.

    graph -> fusion (fuse.py) -> kernels (kernels.py) -> kernel rewrites (prepare.py) -> steps

New values of variables are written into the variables' own memory where every reader of the old
value has run before or reads exactly the element that is replaced; else they are copied at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from graphc import dtypes, knobs
from graphc.ir.dim import Shape
from graphc.ir.graph import Graph
from graphc.ir.literal import Literal
from graphc.ir.node import Node, Tensor
from graphc.kernels.kernel import Buffer, Kernel, Load, Store
from graphc.kernels.levels import may_overwrite
from graphc.kernels.lower.context import Context
from graphc.kernels.parallel import THREADS, Grain
from graphc.kernels.walk import buffers_of, walk
from graphc.ops import leaf
from graphc.program import Program

from . import opaque
from .classify import kind_of
from .fuse import Fusion, in_order
from .group import Group
from .keep import Keeper
from .kernels import Writer, check_kernel, safe_name
from .plan import CheckStep, CopyStep, KernelStep, Place, Plan, Step, Storage
from .prepare import Observe, prepared
from .slices import Slice, slices
from .touch import loaded, reads, writes

Begin = Callable[[Step], None]
SCHEDULE_PASSES = frozenset({"fuse", "in_place", "reuse_memory", "keep"})


def make_plan(
    program: Program, observe: Observe | None = None, begin: Begin | None = None,
    grain: Grain = THREADS,
) -> Plan:  # fmt: skip
    """The plan of a program; `observe` is told of each rewrite of a kernel, `begin` of each step
    that runs a kernel, as soon as it is known. `grain` is how much parallel work is wanted."""
    results = program.graph.outputs[: program.results]
    news = program.graph.outputs[program.results :]
    maker = _Maker(program.name, program.graph, program.disabled, observe, begin, grain)
    for i, t in enumerate(program.inputs):
        maker.leaf(t, "input", i)
    for i, v in enumerate(program.variables):
        maker.leaf(v, "variable", i)
    targets = [maker.storage(t, f"output_{i}", "output", i) for i, t in enumerate(results)]
    variables = [maker.leaves[program.variables[i]] for i in program.updated]
    if "keep" not in program.disabled and knobs.current().keep:
        maker.keep({*maker.leaves.values()} - {*variables})
    return maker.plan([*results, *news], [*targets, *variables])


def make_region_plan(
    name: str, region: Graph, disabled: frozenset[str], observe: Observe | None = None,
    begin: Begin | None = None, grain: Grain = THREADS,
) -> Plan:  # fmt: skip
    """The plan of a loop body or branch: parameters in, results out."""
    maker = _Maker(name, region, disabled, observe, begin, grain)
    for i, t in enumerate(region.inputs):
        maker.leaf(t, "parameter", i)
    targets = [
        maker.storage(t, f"result_{i}", "result", i) for i, t in enumerate(region.outputs)
    ]  # fmt: skip
    return maker.plan(list(region.outputs), targets)


class _Maker:
    """The storages and steps of one plan while it is made."""

    def __init__(
        self, name: str, graph: Graph, disabled: frozenset[str], observe: Observe | None,
        begin: Begin | None, grain: Grain,
    ) -> None:  # fmt: skip
        self.grain = grain
        self.name, self.graph, self.disabled = safe_name(name), graph, disabled
        self.observe, self.begin = observe, begin or _nobody
        self.storages: list[Storage] = []
        self.names: dict[str, int] = {}
        self.leaves: dict[Tensor, Storage] = {}
        self.stored: dict[Tensor, Storage] = {}
        self.buffers: dict[Tensor, Buffer] = {}
        self.by_name: dict[str, Storage] = {}
        self.steps: list[Step] = []
        self.needs: dict[Group, set[Tensor]] = {}
        self.keeper: Keeper | None = None
        self.slices: dict[Tensor, Slice] = {}

    # ------------------------------------------------------------------ storages

    def storage(self, t: Tensor, name: str, place: Place, index: int = -1) -> Storage:
        """Memory for a tensor."""
        return self.memory(name, t.dtype, t.shape, place, index)

    def memory(
        self, name: str, dtype: dtypes.DType, shape: Shape, place: Place = "arena",
        index: int = -1, value: Literal | None = None,
    ) -> Storage:  # fmt: skip
        """Memory under a name of its own."""
        label = safe_name(name)
        number = self.names[label] = self.names.get(label, -1) + 1
        label = f"{label}_{number}" if number else label
        made = Storage(label, dtype, shape, place, index, value)
        self.storages.append(made)
        self.by_name[label] = made
        return made

    def leaf(self, t: Tensor, place: Place, index: int) -> None:
        """A tensor that is given."""
        self.leaves[t] = self.storage(t, t.name, place, index)

    def buffer(self, t: Tensor, storage: Storage) -> Buffer:
        """How kernels see a storage."""
        return Buffer(storage.name, storage.dtype, t.shape)

    def keep(self, given: Iterable[Storage]) -> None:
        """Let what depends on these variables alone, and on constants, be kept between calls."""
        self.keeper = Keeper()
        for storage in given:
            if storage.place == "variable":
                self.keeper.give(storage)

    # ------------------------------------------------------------------ the plan

    def plan(self, wanted: list[Tensor], targets: list[Storage]) -> Plan:
        """Steps that compute each wanted tensor into its target."""
        fusion = Fusion(self.graph, "fuse" not in self.disabled)
        groups = fusion.run()
        for node in self.graph.nodes:
            if node.op is leaf.constant_op and node.types[0].shape != ():
                self._constant(node)
        if "in_place" not in self.disabled:
            # What is kept between calls is of known size, and written by one kernel.
            self.slices = slices(groups, fusion, fixed=self.keeper is None)
        self._place_groups(groups, wanted, targets)
        late = (g for g in groups for t in g.stores if self.stored[t].place == "variable")
        groups = in_order(groups, frozenset(late))
        self.buffers = {t: self.buffer(t, s) for t, s in self.leaves.items()}
        self.buffers |= {
            t: self.buffer(t, s) for t, s in self.stored.items() if t not in self.leaves
        }
        writer = Writer(fusion.axes, self.buffers)
        for group in groups:
            known = len(self.steps)
            self._steps_of(group, writer)
            for step in self.steps[known:]:
                if self.keeper:
                    self.keeper.offer(step)
                self.begin(step)
        self._copy_rest(wanted, targets)
        steps, count = self.keeper.first(self.steps) if self.keeper else (self.steps, 0)
        decisions = tuple(map(str, fusion.decisions))
        used = {s for step in steps for s in (*reads(step), *writes(step))}
        used |= set(targets)
        kept = tuple(s for s in self.storages if s in used or s.place in ("input", "parameter"))
        lasting = frozenset(self.keeper.sources) if self.keeper else frozenset[Storage]()
        return Plan(
            self.name,
            kept,
            tuple(steps),
            commit_of(steps),
            decisions,
            self.disabled,
            count,
            lasting,
        )

    def _constant(self, node: Node) -> None:
        value = node.attrs["value"]
        assert isinstance(value, Literal), "a constant holds a literal"
        t = node.output()
        made = self.leaves[t] = self.memory(
            node.label, t.dtype, t.shape, "constant", value=value
        )  # fmt: skip
        if self.keeper:
            self.keeper.give(made)

    def _place_groups(
        self, groups: list[Group], wanted: list[Tensor], targets: list[Storage]
    ) -> None:
        """A storage for each stored tensor: its target if it has one, else the arena."""
        first: dict[Tensor, Storage] = {}
        for t, target in zip(wanted, targets):
            first.setdefault(t, target)
        for group in groups:
            for t in group.stores:
                target = first.get(t)
                if target is not None and target.place == "variable":
                    target = target if self._readers_come_first(group, groups, target) else None
                self.stored[t] = target or self.storage(t, t.name, "arena")
        for t, part in self.slices.items():
            self.stored[t] = self.stored[part.whole]

    def _readers_come_first(self, group: Group, groups: list[Group], target: Storage) -> bool:
        """Make every other reader of a variable's old value run before this group, if it can."""
        (variable,) = (t for t, s in self.leaves.items() if s is target)
        if group.kind != "kernel" or any(t in self.leaves for t in group.stores):
            return False
        if "in_place" in self.disabled:
            return False
        readers = [g for g in groups if g is not group and variable in self._read_by(g)]
        if any(group.reaches(g) for g in readers):
            return False
        for g in readers:
            g.successors.add(group)
        return True

    def _read_by(self, group: Group) -> set[Tensor]:
        """The leaves that a group needs, through nodes that are computed where they are read."""
        if group not in self.needs:
            found: set[Tensor] = set()
            stack = [t for n in group.nodes for t in n.inputs]
            stack += [t for t in group.stores if t in self.leaves]
            while stack:
                t = stack.pop()
                if t in self.leaves:
                    found.add(t)
                elif kind_of(t.node) == "free":
                    stack += t.node.inputs
            self.needs[group] = found
        return self.needs[group]

    # ------------------------------------------------------------------ steps

    def _steps_of(self, group: Group, writer: Writer) -> None:
        if any(t in self.slices for node in group.nodes for t in node.inputs):
            return  # all parts of this concatenation are written in their places
        if group.kind == "opaque":
            (node,) = group.nodes
            plan = partial(
                make_region_plan,
                disabled=self.disabled,
                observe=self.observe,
                begin=self.begin,
                grain=self.grain,
            )
            self.steps.append(opaque.step(node, self._operand, self.stored, plan))
            return
        for node in group.nodes:
            if kind_of(node) in ("gather", "scatter"):
                self._check(node, writer)
        steps = self._written(group, writer)
        unsafe = [t for t in group.stores if not self._is_safe(steps, self.stored[t])]
        for t in unsafe:
            self.stored[t] = self.storage(t, t.name, "arena")
            self.buffers[t] = self.buffer(t, self.stored[t])
        self.steps += self._written(group, writer) if unsafe else steps

    def _written(self, group: Group, writer: Writer) -> list[KernelStep]:
        targets = {t: self._target(t) for t in group.stores}
        found = writer.kernels(group, targets, self.slices)
        nodes = tuple(group.nodes)
        return [step for kernel, at in found for step in self._kernel_steps(kernel, at, nodes)]

    def _target(self, t: Tensor) -> Buffer:
        """What a kernel writes a tensor into; slices of one array have names of their own."""
        storage, part = self.stored[t], self.slices.get(t)
        if part is None:
            return self.buffer(t, storage)
        name = f"{storage.name}_from_{safe_name(str(part.start))}"
        assert self.by_name.setdefault(name, storage) is storage, "a name is one memory"
        return Buffer(name, storage.dtype, part.whole.shape)

    def _is_safe(self, steps: list[KernelStep], target: Storage) -> bool:
        """Whether no kernel of these reads an old element after its new value was written."""
        if target.place != "variable":
            return True
        written = False
        for step in steps:
            names = [n for n, s in step.bound.items() if s is target]
            mine = [s for s in step.kernel.stores if s.buffer.name in names]
            if written and set(names) & loaded(step.kernel):
                return False
            if any(not _overwrites(step.kernel, s, n) for s in mine for n in names):
                return False
            written = written or bool(mine)
        return True

    def _operand(self, t: Tensor) -> Storage:
        return self.leaves[t] if t in self.leaves else self.stored[t]

    def _kernel_steps(
        self, kernel: Kernel, context: Context, nodes: tuple[Node, ...]
    ) -> list[KernelStep]:
        """The steps of one fused kernel; buffers that its rewrites introduce are theirs alone."""
        own: dict[str, Storage] = {}
        labels = tuple(n.label for n in nodes)
        sources = tuple(dict.fromkeys(n.source for n in nodes))
        found = prepared(kernel, self.observe, self.grain)
        steps = []
        for number, part in enumerate(found.kernels, start=1):
            bound: dict[str, Storage] = {}
            for b in buffers_of(part):
                if b.name in found.names:
                    bound[b.name] = self.by_name[context.base_of(found.names[b.name])]
                else:
                    if b.name not in own:
                        own[b.name] = self.memory(f"{kernel.name}_part", b.dtype, b.shape)
                    bound[b.name] = own[b.name]
            name = f"{kernel.name}_{number}" if len(found.kernels) > 1 else kernel.name
            lasting = self.keeper.among(bound) if self.keeper else frozenset[str]()
            step = KernelStep(part, bound, sources, nodes=labels, name=name, lasting=lasting)
            steps.append(step)
        return steps

    def _check(self, node: Node, writer: Writer) -> None:
        flag = self.memory(f"flag_{node.label}", dtypes.int32, ())
        found = check_kernel(node, writer, Buffer(flag.name, dtypes.int32, ()))
        if found is None:
            return
        self.steps += self._kernel_steps(*found, (node,))
        size = node.inputs[0].shape[node.attrs["axis"]]  # pyright: ignore[reportCallIssue, reportArgumentType]
        problem = f"an index of {node.label} is outside of its axis of size {size}"
        self.steps.append(CheckStep(flag, problem, node.source))

    def _copy_rest(self, wanted: Sequence[Tensor], targets: Sequence[Storage]) -> None:
        """Results that are wanted twice, and new values that could not be written in place."""
        for t, target in zip(wanted, targets):
            here = self.stored.get(t)
            assert here is not None, "every wanted tensor is stored by a group"
            if here is not target:
                self.steps.append(CopyStep(here, target))


def commit_of(steps: Sequence[Step]) -> int:
    """The number of steps before the first that changes a variable."""
    for n, step in enumerate(steps):
        if any(s.place == "variable" for s in writes(step)):
            return n
    return len(steps)


def _overwrites(kernel: Kernel, s: Store, name: str) -> bool:
    """Whether a store may replace a buffer of its kernel. Only stores over the same axes may read
    the old value: others may run in another work item, before or after."""
    for t in kernel.stores:
        if set(t.axes) == set(s.axes):
            continue
        if any(isinstance(e, Load) and e.buffer.name == name for e in walk([t.value])):
            return False
    return may_overwrite(kernel, s, name)


def _nobody(_step: Step) -> None:
    """Nobody waits for steps."""
