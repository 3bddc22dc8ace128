"""A compiled program: its plan, its launches, and its memory on a device.

What depends on sizes is worked out once and recorded: the steps between two questions to the device
are replayed as one. Intermediate arrays lie in one arena, at the offsets of the memory plan; arrays
of a device come and go without a copy (`prepared.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias, final

import numpy as np

from graphc.batches import Batches
from graphc.debug.explain import Known, explain
from graphc.errors import OutOfRangeError
from graphc.ir.dim import Size, evaluate
from graphc.ops.variable import Variable
from graphc.passes.pipeline import PassReport
from graphc.schedule.memory import MemoryPlan, blocks_of, kept_storages, regions_of
from graphc.schedule.plan import CheckStep, Plan, Step, Storage
from graphc.target import Memory as Needs

from .actions import Actions, Spares
from .device import Device, Memory
from .epoch import Epoch
from .kernels import VECTOR, Form, TileOf, all_steps, forms_of, usual
from .prepared import Part, Prepared, Seat, parts_of
from .run.arrays import DeviceArray, aligned, from_foreign, lent
from .run.residents import Residents

Given: TypeAlias = np.ndarray | DeviceArray

KNOWN_SIZES = 64
"""For how many combinations of sizes the recordings are kept."""


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
        inputs = {s.index: s for s in plan.storages if s.place == "input"}
        self._inputs = [inputs[i] for i in sorted(inputs)]
        self._parts = parts_of(plan)
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

    def run(self, inputs: Sequence[Given], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The results; updates the storage of variables.

        Raises:
            OutOfRangeError: a check of the plan failed.
            OutOfMemoryError: the arrays do not fit into the memory of the device.
        """
        with self.lock, self._holding(inputs):
            prepared = self.prepare(sizes)
            outputs = prepared.outputs()
            self.play(self._seat(prepared, inputs, [m.address for m in outputs]))
            results = []
            for memory, (shape, dtype) in zip(outputs, prepared.results, strict=True):
                array = np.empty(shape, dtype.numpy)
                self.device.read(memory.address, array)
                results.append(array)
            return results

    def run_there(
        self, inputs: Sequence[Given], sizes: Mapping[str, int]
    ) -> list[DeviceArray]:  # fmt: skip
        """The results as arrays of the device, for whose values nobody waits; else as `run`."""
        with self.lock, self._holding(inputs):
            prepared = self.prepare(sizes)
            leases = prepared.leased()
            self.play(self._seat(prepared, inputs, [x.address for x in leases], is_own=False))
            return [
                DeviceArray(shape, dtype, self.device, lease.address, lease)
                for lease, (shape, dtype) in zip(leases, prepared.results, strict=True)
            ]

    def adopt(self, value: object) -> DeviceArray | None:
        """An array in the memory of this device, as inputs take it; None if it is none.

        Raises:
            FeedError: an array of another device, or one that is not contiguous.
            DTypeError: elements of a type that is not known here.
        """
        found = from_foreign(value, self.device)
        return None if found is None else aligned(found, VECTOR)

    def repeat(self, batches: Batches) -> list[np.ndarray]:
        """What `graphc.batches.one_by_one` does: the examples are sent once, and steps queue up.

        Raises:
            OutOfRangeError, OutOfMemoryError: as `run`.
        """
        with self.lock, self._holding(batches.arrays):
            return Epoch(self, batches).run()

    @contextmanager
    def _holding(self, inputs: Sequence[object]) -> Iterator[None]:
        """Arrays of others stay alive until what is asked for here is done."""
        try:
            yield
        finally:
            self.device.hold(lent(inputs))

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

    def _seat(
        self, prepared: Prepared, inputs: Sequence[Given], outputs: Sequence[int],
        is_own: bool = True,
    ) -> Seat:  # fmt: skip
        """Inputs where they are, if they are on the device, else sent to own memory."""
        addresses: list[int] = []
        for i, given in enumerate(inputs):
            if isinstance(given, DeviceArray):
                addresses.append(given.address)
                is_own = False
            else:
                addresses.append(prepared.input(i).address)
                self.device.write(addresses[-1], given)
        return self.seat(prepared, addresses, outputs, is_own)

    def seat(
        self, prepared: Prepared, inputs: Sequence[int], outputs: Sequence[int],
        is_own: bool = True,
    ) -> Seat:  # fmt: skip
        """What is replayed for inputs and outputs at these addresses."""
        made = partial(self._placed, prepared, inputs, outputs)
        return prepared.seat(inputs, outputs, made, is_own)

    def own_seat(self, prepared: Prepared) -> Seat:
        """What is replayed for inputs and outputs in own memory."""
        return self.seat(prepared, prepared.inputs(), [m.address for m in prepared.outputs()])

    def play(self, seat: Seat) -> None:
        """All steps, on the inputs that are on the device; waits for nothing that it need not."""
        self.residents.bring(self.variables)
        for number, part in enumerate(self._parts):
            if number == 0 and self._is_kept():
                continue
            try:
                self._play(part, seat)
            finally:
                self.residents.changed([self.variables[i] for i in part.changes])

    def _play(self, part: Part, seat: Seat) -> None:
        if seat.is_lasting and part.may_record and part.steps and part not in seat.replays:
            seat.replays[part] = self.device.record(lambda: seat.actions.run(part.steps))
        if part in seat.replays:
            seat.replays[part]()
        else:
            seat.actions.run(part.steps)
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
        if not found.seats:
            self._fit(found)
        self._current = found
        return found

    def _new(self, sizes: Mapping[str, int]) -> Prepared:
        def value(size: Size) -> int:
            return evaluate(size, sizes)

        inputs = [value(s.nbytes) for s in self._inputs]
        results = [(tuple(map(value, s.shape)), s.dtype) for s in self._outputs]
        nbytes = self.memory_plan.measure(value)
        return Prepared(sizes, inputs, results, nbytes, self.device)

    def _fit(self, prepared: Prepared) -> None:
        """An arena with room for these sizes. Another arena makes recordings useless."""
        before = self.memory_plan.layout
        layout = self.memory_plan.fit(prepared.nbytes)
        if self._arena is not None and layout is before:
            return
        for other in self._prepared.values():
            other.seats.clear()
        # The old arena goes first: both together might not fit.
        self._arena, self._kept = None, None
        try:
            self._arena = self.device.allocate(layout.nbytes)
        except BaseException:
            self.memory_plan.forget()
            raise

    def _placed(
        self, prepared: Prepared, inputs: Sequence[int], outputs: Sequence[int]
    ) -> Actions:  # fmt: skip
        assert self._arena is not None, "the arena is there"
        addresses = self.residents.bring(self.variables)
        places = {s: m.address for s, m in self._constants.items()}
        places |= {s: addresses[s.index] for s in self.plan.storages if s.place == "variable"}
        layout = self.memory_plan.layout
        places |= {s: self._arena.address + o for s, o in layout.offsets.items()}
        places |= dict(zip(self._inputs, inputs, strict=True))
        places |= dict(zip(self._outputs, outputs, strict=True))
        return Actions(
            self.device, prepared.sizes, places, self.forms, self.ready, self.spares,
            {check: self._flags.address + 4 * i for i, check in enumerate(self._checks)},
            prepared.known,
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
