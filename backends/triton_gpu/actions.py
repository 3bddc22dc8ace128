"""What is done on a device to run the steps of a plan, where everything lies at known addresses.

A scan is its body, once per turn, with other addresses: carries change places, so that nothing is
copied. `while` loops and branches ask the device for a truth value and wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from graphc import dtypes
from graphc.ir.dim import Size, evaluate, product
from graphc.schedule.memory import regions_of
from graphc.schedule.plan import (
    CheckStep,
    CondStep,
    CopyStep,
    CumulativeStep,
    KernelStep,
    Plan,
    ScanStep,
    SortStep,
    Step,
    Storage,
    WhileStep,
)  # fmt: skip

from .device import Device, Ready
from .kernels import Form
from .launch import Launch

Places = dict[Storage, int]


@dataclass(frozen=True, slots=True)
class Spares:
    """For each loop, second memory for those of its carries that have no rows (None for others),
    and memory for the answers of conditions."""

    of: Mapping[Step, tuple[Storage | None, ...]]
    answers: Mapping[Step, Storage]

    @staticmethod
    def needed(steps: Sequence[Step]) -> Spares:
        """Spare storages for all loops among the steps."""
        found: dict[Step, tuple[Storage | None, ...]] = {}
        for step in steps:
            if isinstance(step, ScanStep | WhileStep):
                rows = set(_rows(step))
                found[step] = tuple(
                    None if i in rows else Storage("spare", s.dtype, s.shape, "arena")
                    for i, s in enumerate(step.final)
                )
        answers: dict[Step, Storage] = {
            step: Storage("answer", dtypes.bool_, (), "arena")
            for step in steps
            if isinstance(step, WhileStep)
        }
        return Spares(found, answers)

    def owned(self, step: Step) -> tuple[Storage, ...]:
        """All memory of one loop."""
        spares = [s for s in self.of.get(step, ()) if s is not None]
        return (*spares, *([self.answers[step]] if step in self.answers else []))


@dataclass(frozen=True, slots=True)
class Sized:
    """A launch at known sizes."""

    ready: Ready
    grid: tuple[int, int, int]
    storages: tuple[Storage, ...]
    sizes: tuple[int, ...]


Known = dict[Step, list[Sized]]
"""The launches of each step at known sizes; those of equal sizes share them."""


def waits(step: Step) -> bool:
    """Whether a step must know a value of the device before it can go on."""
    if isinstance(step, WhileStep | CondStep):
        return True
    return any(waits(x) for region in regions_of(step) for x in region.steps)


@final
class Actions:
    """Runs steps at known sizes; `places` has the address of every storage outside of regions,
    `known` the launches that are worked out."""

    def __init__(
        self, device: Device, sizes: Mapping[str, int], places: Places,
        forms: Mapping[Step, Form], ready: Mapping[Launch, Ready], spares: Spares,
        flags: Mapping[Step, int], known: Known,
    ) -> None:  # fmt: skip
        self.device, self.sizes, self.places, self.flags = device, sizes, places, flags
        self.forms, self.ready, self.spares, self._known = forms, ready, spares, known

    def run(self, steps: Sequence[Step]) -> None:
        """All steps, in order."""
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """One step."""
        match step:
            case KernelStep() | SortStep() | CumulativeStep():
                self._launch(step)
            case CopyStep(source=source, target=target):
                self._copy(source, target)
            case ScanStep():
                self._scan(step)
            case WhileStep():
                self._while(step)
            case CondStep():
                self._cond(step)
            case CheckStep(flag=flag):
                # The runner looks at all flags together; their own memory has other uses.
                self.device.copy(self.flags[step], self.places[flag], flag.dtype.itemsize)

    def value(self, size: Size) -> int:
        """A size as a number."""
        return evaluate(size, self.sizes)

    def _launch(self, step: Step) -> None:
        if step not in self._known:
            self._known[step] = [
                Sized(
                    self.ready[c.launch],
                    (self.value(c.grid[0]), self.value(c.grid[1]), self.value(c.grid[2])),
                    c.storages,
                    tuple(map(self.value, c.sizes)),
                )
                for c in self.forms[step].at(self.sizes)
            ]
        for p in self._known[step]:
            p.ready(p.grid, [self.places[s] for s in p.storages], p.sizes)

    def _copy(self, source: Storage, target: Storage) -> None:
        nbytes = self.value(source.nbytes)
        if nbytes and self.places[source] != self.places[target]:
            self.device.copy(self.places[target], self.places[source], nbytes)

    # ------------------------------------------------------------------ loops

    def _scan(self, step: ScanStep) -> None:
        length, stacked = self.value(step.length), _rows(step)
        spares = self.spares.of[step]
        here = [self.places[s] for s in step.init]
        for i, stack in step.before:
            if length:
                first = self._row(stack, self._turn(step, 0, length))
                self._move(first, here[i], step.final[i])
                here[i] = first
        parameters, results = _by_index(step.body, "parameter"), _by_index(step.body, "result")
        for n in range(length):
            turn = self._turn(step, n, length)
            there = [self._written(step, i, n, length, stacked, spares) for i in range(len(here))]
            rows = [self._row(x, turn) for x in step.xs]
            given = [*here, *rows, *(self.places[s] for s in step.captured)]
            made = [*there, *(self._row(y, turn) for y in step.ys)]
            self._region(step.body, parameters, given, results, made)
            here = there
        for address, last in zip(here, step.final, strict=True):
            self._move(self.places[last], address, last)

    def _written(
        self, step: ScanStep, i: int, n: int, length: int,
        stacked: Mapping[int, tuple[Storage, str]], spares: Sequence[Storage | None],
    ) -> int:  # fmt: skip
        """Where carry i goes in turn n: into its rows, or by turns so that the last is final."""
        if i in stacked:
            rows, when = stacked[i]
            if when == "after":
                return self._row(rows, self._turn(step, n, length))
            last = n == length - 1
            return (
                self.places[step.final[i]]
                if last
                else self._row(rows, self._turn(step, n + 1, length))
            )
        spare = spares[i]
        assert spare is not None, "a carry without rows has a spare"
        return self.places[spare if (length - 1 - n) % 2 else step.final[i]]

    def _turn(self, step: ScanStep, n: int, length: int) -> int:
        return length - 1 - n if step.reverse else n

    def _row(self, whole: Storage, turn: int) -> int:
        return (
            self.places[whole] + turn * self.value(product(whole.shape[1:])) * whole.dtype.itemsize
        )

    def _move(self, target: int, source: int, like: Storage) -> None:
        nbytes = self.value(like.nbytes)
        if nbytes and target != source:
            self.device.copy(target, source, nbytes)

    def _while(self, step: WhileStep) -> None:
        spares = self.spares.of[step]
        here = [self.places[s] for s in step.init]
        pairs = [
            (self.places[s], self.places[spare])
            for s, spare in zip(step.final, spares, strict=True)
            if spare is not None
        ]
        captured = [self.places[s] for s in step.captured]
        tests = _by_index(step.condition, "parameter"), _by_index(step.condition, "result")
        parameters, results = _by_index(step.body, "parameter"), _by_index(step.body, "result")
        answer = self.places[self.spares.answers[step]]
        turn = 0
        while True:
            self._region(step.condition, tests[0], [*here, *captured], tests[1], [answer])
            if not self._truth(answer):
                break
            there = [pair[turn % 2] for pair in pairs]
            self._region(step.body, parameters, [*here, *captured], results, there)
            here, turn = there, turn + 1
        for address, last in zip(here, step.final, strict=True):
            self._move(self.places[last], address, last)

    def _cond(self, step: CondStep) -> None:
        body = step.then_body if self._truth(self.places[step.predicate]) else step.else_body
        given = [self.places[s] for s in step.captured]
        made = [self.places[s] for s in step.results]
        self._region(body, _by_index(body, "parameter"), given, _by_index(body, "result"), made)

    def _truth(self, address: int) -> bool:
        answer = np.zeros((), np.bool_)
        self.device.read(address, answer)
        return bool(answer)

    def _region(
        self, plan: Plan, parameters: Mapping[int, Storage], given: Sequence[int],
        results: Mapping[int, Storage], made: Sequence[int],
    ) -> None:  # fmt: skip
        """Run a plan with its parameters and results at addresses."""
        self.places.update({s: given[i] for i, s in parameters.items()})
        self.places.update({s: made[i] for i, s in results.items()})
        self.run(plan.steps)


def _rows(step: ScanStep | WhileStep) -> dict[int, tuple[Storage, str]]:
    """The carries of a scan that are stacked: their rows, and whether before or after a turn."""
    if isinstance(step, WhileStep):
        return {}
    return {i: (s, "before") for i, s in step.before} | {i: (s, "after") for i, s in step.after}


def _by_index(plan: Plan, place: str) -> dict[int, Storage]:
    """The parameters or results of a region by their number."""
    return {s.index: s for s in plan.storages if s.place == place}
