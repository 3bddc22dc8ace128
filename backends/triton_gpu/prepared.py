"""A plan at known sizes: memory for inputs and outputs, and a seat for each set of addresses.

arrays of the host     own memory, always at the same addresses: recorded by the first call
arrays of a device     where they are: recorded when the same addresses come again
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import final

import numpy as np

from graphc.dtypes import DType
from graphc.schedule.plan import CheckStep, Plan, Step
from graphc.schedule.touch import writes

from .actions import Actions, Known, waits
from .device import Device, Memory
from .kernels import inner_steps

KNOWN_SEATS = 8
"""For how many sets of addresses recordings are kept, at each combination of sizes."""
SPARE = 2
"""How many memories of one output wait for its next array."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Steps that run without a question in between."""

    steps: tuple[Step, ...]
    may_record: bool
    checks: frozenset[Step] = field(init=False)
    """The checks among the steps and in their loops."""
    changes: tuple[int, ...] = field(init=False)
    """The variables that the steps change, by number."""

    def __post_init__(self) -> None:
        every = [x for s in self.steps for x in (s, *inner_steps(s))]
        checks = frozenset(s for s in every if isinstance(s, CheckStep))
        written = {s for step in every for s in writes(step)}
        changes = tuple(sorted({s.index for s in written if s.place == "variable"}))
        object.__setattr__(self, "checks", checks)
        object.__setattr__(self, "changes", changes)


def parts_of(plan: Plan) -> tuple[Part, ...]:
    """The kept steps, then the others: cut where the device is asked, and before the first step
    that changes a variable, because a call that fails shall have changed nothing."""
    parts = [Part(plan.steps[: plan.kept], True)]
    steps: list[Step] = []
    checked = False
    for number, step in enumerate(plan.steps[plan.kept :], start=plan.kept):
        checked = checked or isinstance(step, CheckStep)
        if waits(step) or (checked and number == plan.commit):
            parts.append(Part(tuple(steps), True))
            steps = []
            checked = False
        if waits(step):
            parts.append(Part((step,), False))
        else:
            steps.append(step)
    return (*parts, Part(tuple(steps), True))


@dataclass(slots=True, eq=False)
class Seat:
    """Where the inputs and outputs of a call are, and what is replayed for them."""

    inputs: Sequence[int]
    outputs: Sequence[int]
    actions: Actions
    replays: dict[Part, Callable[[], None]] = field(default_factory=dict)
    is_lasting: bool = False
    """Whether these addresses are sure to come again, or have come again."""


@final
class Lease:
    """Memory of an output in the hands of somebody; it waits for the next array after that.

    The next call writes it in the order of the device: after all that was asked for before.
    """

    __slots__ = ("_memory", "_spare", "address")

    def __init__(self, memory: Memory, spare: deque[Memory]) -> None:
        self._memory, self._spare, self.address = memory, spare, memory.address

    def __del__(self) -> None:
        self._spare.append(self._memory)


@final
class Prepared:
    """Inputs and outputs at known sizes. Own memory is there from its first use on."""

    def __init__(
        self, sizes: Mapping[str, int], inputs: Sequence[int],
        results: Sequence[tuple[tuple[int, ...], DType]], nbytes: np.ndarray, device: Device,
    ) -> None:  # fmt: skip
        self.sizes, self.results, self.nbytes, self._device = sizes, tuple(results), nbytes, device
        self._input_bytes = tuple(inputs)
        self._inputs: dict[int, Memory] = {}
        self._outputs: list[Memory] = []
        self._spare: list[deque[Memory]] = [deque(maxlen=SPARE) for _ in results]
        self.known: Known = {}
        """The launches of steps, which do not depend on addresses."""
        self.seats: dict[tuple[int, ...], Seat] = {}

    def input(self, i: int) -> Memory:
        """Own memory of an input."""
        if i not in self._inputs:
            self._inputs[i] = self._device.allocate(self._input_bytes[i])
        return self._inputs[i]

    def inputs(self) -> list[int]:
        """The addresses of own memory of all inputs."""
        return [self.input(i).address for i in range(len(self._input_bytes))]

    def outputs(self) -> list[Memory]:
        """Own memory of all outputs."""
        if not self._outputs:
            self._outputs = [self._device.allocate(self._output_bytes(i))
                             for i in range(len(self.results))]  # fmt: skip
        return self._outputs

    def leased(self) -> list[Lease]:
        """Memory for outputs that nobody holds."""
        return [Lease(self._unused(i), self._spare[i]) for i in range(len(self.results))]

    def _unused(self, i: int) -> Memory:
        spare = self._spare[i]
        return spare.pop() if spare else self._device.allocate(self._output_bytes(i))

    def _output_bytes(self, i: int) -> int:
        shape, dtype = self.results[i]
        return prod(shape) * dtype.itemsize

    def seat(
        self, inputs: Sequence[int], outputs: Sequence[int], made: Callable[[], Actions],
        is_own: bool,
    ) -> Seat:  # fmt: skip
        """The seat at these addresses, which are those of own memory or of arrays of others."""
        key = (*inputs, *outputs)
        found = self.seats.pop(key, None)
        if found is None:
            found = Seat(inputs, outputs, made(), is_lasting=is_own)
            if len(self.seats) >= KNOWN_SEATS:
                self.seats.pop(next(iter(self.seats)))
        else:
            found.is_lasting = True
        self.seats[key] = found  # the last one used is the last one forgotten
        return found
