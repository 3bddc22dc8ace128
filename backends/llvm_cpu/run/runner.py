"""Runs a compiled plan: one native call, and what surrounds it. Needs no LLVM.

A call patches the words that depend on sizes, inputs and outputs, then runs the table. The native
code returns every few milliseconds, so that Python can act on signals: Ctrl-C stops a call that
has not begun to change variables, any other is finished first.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakSet

import numpy as np

from graphc.backends.llvm_cpu.estimate import PER_NANOSECOND
from graphc.batches import Batches, Stretch, where
from graphc.debug import log, runs
from graphc.errors import OutOfMemoryError, OutOfRangeError
from graphc.ir.dim import names_of
from graphc.ops.variable import Variable
from graphc.schedule.memory import Layout, MemoryPlan
from graphc.schedule.plan import Step, Storage
from graphc.target import Memory

from .arena import Arena, address_of, aligned_array
from .feeds import Result, Whole, input_feeds
from .pool import Pool, pool
from .table import Call, Table
from .words import Address, Sizes

SLICE = 20_000_000 * PER_NANOSECOND
"""Estimated work after which native code looks up."""
KNOWN_SIZES = 256
"""For how many combinations of sizes the prepared numbers are kept."""

_NOWHERE = np.empty(0)
_prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All that depends on sizes."""

    sizes: Mapping[str, int]
    words: np.ndarray
    nbytes: np.ndarray
    results: tuple[Result, ...]
    """The cell (None where nothing is written), shape, dtype and bytes of each."""


_POSITION, _PARALLEL, _POOL, _BUDGET = map(
    int, (Call.POSITION, Call.PARALLEL, Call.POOL, Call.BUDGET)
)
_TURN, _TURNS, _FEEDS, _COUNT = map(int, (Call.TURN, Call.TURNS, Call.FEEDS, Call.COUNT))

Turn = Callable[[Pool], int]
"""Runs for a while; the status, negative as long as the call has not ended."""


class Runner:
    """A table with its memory. Calls from several threads take turns."""

    def __init__(
        self, name: str, table: Table, memory_plan: MemoryPlan, outputs: Sequence[Storage],
        variables: Sequence[Variable], run: int, repeat: int,
    ) -> None:  # fmt: skip
        self.name, self.table, self.memory_plan = name, table, memory_plan
        self.variables = tuple(variables)
        self._run, self._repeat = _prototype(run), _prototype(repeat)
        self._native = self._run
        self._cells = table.memory.cells
        self._call_words = np.zeros(len(Call), np.int64)
        self._call_words[Call.RECORDS] = table.memory.address(table.records)
        self._words = self._call_words.data
        self._address = address_of(self._call_words)
        self._arena, self._rows = Arena(), Arena()
        self._prepared: dict[tuple[int, ...], Prepared] = {}
        self._current: Prepared | None = None
        self._layout: Layout | None = None
        self._storages = [_NOWHERE] * len(self.variables)
        self._bind_kept()
        self._bind_places(outputs)
        self._names = self._size_names()
        self.lock = threading.Lock()
        _living.add(self)

    def step_of(self, record: int) -> Step:
        """The step that a record belongs to."""
        return self.table.steps[record]

    def run(self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """The results; updates the storage of variables.

        Raises:
            OutOfRangeError: a check of the plan failed.
            OutOfMemoryError: the intermediate arrays or the results do not fit into memory.
        """
        if not log.is_on(log.RUNS):
            return self._whole(inputs, sizes, self._turn)
        results, timed = self._timed(lambda turn: self._whole(inputs, sizes, turn))
        log.say(log.RUNS, runs.table(self.name, self._of_steps(timed), sizes))
        return results

    def repeat(self, batches: Batches) -> list[np.ndarray]:
        """What `graphc.batches.one_by_one` does, in one native call for each stretch.

        Raises:
            OutOfRangeError, OutOfMemoryError: as `run`.
        """
        if not log.is_on(log.RUNS):
            return self._each(batches, self._turn)
        results, timed = self._timed(lambda turn: self._each(batches, turn))
        sizes = batches.stretches[0].sizes
        log.say(log.RUNS, runs.table(self.name, self._of_steps(timed), sizes))
        return results

    def profile(
        self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]
    ) -> list[tuple[Step, float]]:
        """One call, kernel by kernel: each step that ran with its seconds, in order."""
        return self._of_steps(self.launches(inputs, sizes))

    def launches(
        self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]
    ) -> list[tuple[int, float]]:
        """The same with the number of each record in the place of its step."""
        return self._timed(lambda turn: self._whole(inputs, sizes, turn))[1]

    def _of_steps(self, timed: Sequence[tuple[int, float]]) -> list[tuple[Step, float]]:
        return [(self.step_of(record), seconds) for record, seconds in timed]

    def needs(self, sizes: Mapping[str, int]) -> Memory:
        """What a call at these sizes needs; nothing is allocated."""
        value = Sizes(sizes).value
        return Memory(
            sum(value(s.nbytes) for _, s in self._results),
            self.memory_plan.needs(self.memory_plan.measure(value)),
            sum(v.nbytes for v in self.variables),
        )

    def prepare(self, sizes: Mapping[str, int]) -> None:
        """Be ready for a call at these sizes."""
        with self.lock:
            self._prepare(sizes)

    # ------------------------------------------------------------------ a call

    def _whole(
        self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int], turn: Turn
    ) -> list[np.ndarray]:
        with self.lock:
            results = self._begin(inputs, sizes)
            status = self._with_crew(turn)
        if status:
            raise self._failure(status)
        return results

    def _each(self, batches: Batches, turn: Turn) -> list[np.ndarray]:
        done = 0
        with self.lock:
            known = [self._known(s.sizes).results for s in batches.stretches]
            whole = Whole.of(known, batches)
            for stretch in batches.stretches:
                prepared = self._prepare(stretch.sizes)
                feeds = self._begin_stretch(prepared, batches, stretch, whole)
                if status := self._with_crew(turn):
                    error = self._failure(status)
                    error.add_note(where(done + self._words[_TURN], batches))
                    raise error
                assert len(feeds), "feeds live as long as the calls"
                done += stretch.calls
        return whole.arrays

    def _with_crew(self, turn: Turn) -> int:
        crew = pool()
        if crew.is_up:
            return self._call(crew, turn)
        with crew:
            return self._call(crew, turn)

    def _failure(self, status: int) -> OutOfRangeError:
        check = self.table.checks[status - 1]
        return OutOfRangeError(check.problem, source=check.source)

    def _timed(
        self, call: Callable[[Turn], list[np.ndarray]]
    ) -> tuple[list[np.ndarray], list[tuple[int, float]]]:
        found: list[tuple[int, float]] = []

        def turn(crew: Pool) -> int:
            begin = time.perf_counter()
            status = self._slice(crew, -1)
            seconds = time.perf_counter() - begin
            if status < 0:
                found.append((self._words[_POSITION] - 1, seconds))
            return status

        return call(turn), found

    def _begin(self, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
        """Everything in its place; the arrays that will hold the results."""
        prepared = self._prepare(sizes)
        cells = self._cells
        for cell, index in self._inputs:
            cells[cell] = address_of(inputs[index])
        results: list[np.ndarray] = []
        for cell, shape, dtype, nbytes in prepared.results:
            array, address = aligned_array(shape, dtype, nbytes)
            results.append(array)
            if cell is not None:
                cells[cell] = address
        self._bind_variables()
        self._native = self._run
        self._words[_POSITION] = 0
        return results

    def _begin_stretch(
        self, prepared: Prepared, batches: Batches, stretch: Stretch, whole: Whole
    ) -> np.ndarray:
        """Everything in its place for the first of many calls; the feeds."""
        start = self.table.memory.address
        inputs = [(start(Address(cell)), index) for cell, index in self._inputs]
        results = [
            (None if cell is None else start(Address(cell)), shape, dtype, nbytes)
            for cell, shape, dtype, nbytes in prepared.results
        ]
        feeds = input_feeds(inputs, batches, stretch, self._rows, self.name)
        feeds += whole.feeds(results, stretch.calls)
        memory = np.array(feeds, np.int64)
        self._bind_variables()
        self._native = self._repeat
        words = self._words
        words[_POSITION], words[_TURN], words[_TURNS] = 0, 0, stretch.calls
        words[_FEEDS], words[_COUNT] = address_of(memory), len(feeds)
        return memory

    def _bind_variables(self) -> None:
        cells = self._cells
        for cell, index, variable in self._variables:
            if variable.host is not self._storages[index]:
                storage = variable.storage
                cells[cell] = address_of(storage)
                self._storages[index] = storage
                self._versions = ()
        self._see_changes()

    def _call(self, crew: Pool, turn: Turn) -> int:
        """Run to the end, turn by turn; the status."""
        status = -1
        try:
            while status < 0:
                status = turn(crew)
        except BaseException:
            if status < 0 and self._words[_POSITION] > self.table.commit:
                self._words[_TURNS] = self._words[_TURN] + 1
                self._finish(crew)
            raise
        return status

    def _finish(self, crew: Pool) -> None:
        """The rest of a call that has begun to change variables, whatever signals come."""
        status = -1
        while status < 0:
            try:
                status = self._turn(crew)
            except BaseException:
                continue
        for variable in self.variables:
            variable.changed()

    def _turn(self, crew: Pool) -> int:
        return self._slice(crew, SLICE)

    def _slice(self, crew: Pool, budget: int) -> int:
        words = self._words
        words[_PARALLEL], words[_POOL], words[_BUDGET] = crew.parallel, crew.state, budget
        return self._native(self._address)

    # ------------------------------------------------------------------ what is kept

    def _bind_kept(self) -> None:
        """Which word says whether it is there, and which variables decide that."""
        kept = self.table.kept
        self._kept = kept.word.position if kept else None
        self._sources = tuple(self.variables[i] for i in kept.variables) if kept else ()
        self._versions: tuple[int, ...] = ()

    def _see_changes(self) -> None:
        """Clear the word if a variable has changed since it was last seen."""
        if self._kept is None:
            return
        # Before anything is computed: what changes meanwhile has another version in the next call.
        versions = tuple([v.version for v in self._sources])
        if versions != self._versions:
            self._cells[self._kept] = 0
            self._versions = versions

    # ------------------------------------------------------------------ sizes and memory

    def _prepare(self, sizes: Mapping[str, int]) -> Prepared:
        """Set all words that depend on sizes, and see that the arena is large enough."""
        current = self._current
        if current is not None and current.sizes is sizes:
            return current
        prepared = self._known(sizes)
        if prepared is not self._current:
            # Nothing is current while words change, in case a fork or an interrupt comes between.
            self._current = None
            self._place(prepared.nbytes)
            self.table.memory.set_values(prepared.words)
            self._current = prepared
        return prepared

    def _known(self, sizes: Mapping[str, int]) -> Prepared:
        key = tuple([sizes[n] for n in self._names])
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= KNOWN_SIZES:
                self._prepared.clear()
            prepared = self._prepared[key] = self._measure(sizes)
        return prepared

    def _measure(self, sizes: Mapping[str, int]) -> Prepared:
        values = Sizes(sizes)
        results = [
            (cell, tuple(map(values.value, s.shape)), s.dtype.numpy, values.value(s.nbytes))
            for cell, s in self._results
        ]
        nbytes = self.memory_plan.measure(values.value)
        return Prepared(sizes, self.table.memory.values(values), nbytes, tuple(results))

    def _place(self, nbytes: np.ndarray) -> None:
        """Give arena storages their addresses."""
        layout = self.memory_plan.fit(nbytes)
        if layout is self._layout:
            return
        self._layout = None
        try:
            self._arena.grow(layout.nbytes, self.name)
        except OutOfMemoryError:
            self.memory_plan.forget()
            raise
        cells = self._cells
        if self._kept is not None:
            cells[self._kept] = 0
        for storage, cell in self._placed:
            cells[cell] = self._arena.address + layout.offsets[storage]
        self._layout = layout

    def _size_names(self) -> tuple[str, ...]:
        """The named sizes that anything here depends on."""
        sizes = [size for _, s in self._results for size in s.shape]
        sizes += [b.nbytes for b in self.memory_plan.blocks]
        return tuple(sorted(self.table.memory.names.union(*map(names_of, sizes))))

    def _bind_places(self, storages: Sequence[Storage]) -> None:
        """Which cells each call sets, and what for."""

        def cells(place: str) -> list[tuple[int, int]]:
            found = self.table.cells.items()
            return [(cell.position, s.index) for s, cell in found if s.place == place]

        outputs = {s.index: s for s in storages}
        assert sorted(outputs) == list(range(len(outputs))), "outputs are numbered from 0"
        written = {index: cell for cell, index in cells("output")}
        self._results = [(written.get(i), outputs[i]) for i in range(len(outputs))]
        self._inputs = cells("input")
        self._variables = [(cell, i, self.variables[i]) for cell, i in cells("variable")]
        arena = ((s, cell.position) for s, cell in self.table.cells.items() if s.place == "arena")
        self._placed = list(arena)


_living: WeakSet[Runner] = WeakSet()


def _renew_locks() -> None:
    """In a forked child no other thread lives that could release a lock."""
    for executable in _living:
        executable.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
