"""Where intermediate arrays lie in the arena: lifetimes, writing in place, offsets.

    plan -> blocks (who shares memory, from when to when) -> offsets at known sizes

Offsets are planned for the largest sizes seen, so smaller calls reuse them. What else a backend
needs in the arena (scratch of kernels, second buffers of loops) it names as storages of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.ir.dim import Size
from graphc.kernels.kernel import Reduce
from graphc.kernels.levels import may_overwrite
from graphc.kernels.roles import factors
from graphc.kernels.walk import buffers_of, expressions_of

from .plan import CondStep, KernelStep, Plan, ScanStep, Step, Storage, WhileStep
from .touch import reads, writes

ALIGN = 64
"""Offsets are multiples of a cache line, which is also the widest vector register."""
UNHEARD_OF = 1 << 48
"""Bytes that no machine has; more would only overflow when added."""

Extra = Mapping[Step, tuple[Storage, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Memory that storages use one after the other, from tick `first` to tick `last`."""

    storages: tuple[Storage, ...]
    nbytes: Size
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Offsets in an arena of `nbytes`; no layout without moves needs less than `bound`."""

    offsets: Mapping[Storage, int]
    nbytes: int
    bound: int


class MemoryPlan:
    """Blocks (those of a plan: `blocks_of`), and their layout for the largest sizes so far."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = tuple(blocks)
        self._first = np.array([b.first for b in self.blocks], np.int64)
        self._last = np.array([b.last for b in self.blocks], np.int64)
        self.forget()

    def forget(self) -> None:
        """Begin anew: sizes that did not fit into memory shall not be asked for again."""
        self._largest = np.zeros(len(self.blocks), np.int64)
        self.layout = Layout({s: 0 for b in self.blocks for s in b.storages}, 0, 0)

    def measure(self, value: Callable[[Size], int]) -> np.ndarray:
        """The bytes of each block at known sizes."""
        return np.array([min(value(b.nbytes), UNHEARD_OF) for b in self.blocks], np.int64)

    def fit(self, nbytes: np.ndarray) -> Layout:
        """A layout with room for these bytes, and for all that were asked for before."""
        if np.any(nbytes > self._largest):
            self._largest = np.maximum(nbytes, self._largest)
            offsets, total = self._arranged(self._largest)
            places = {s: int(o) for b, o in zip(self.blocks, offsets) for s in b.storages}
            bound = most_alive(self._largest, self._first, self._last)
            self.layout = Layout(places, total, bound)
        return self.layout

    def needs(self, nbytes: np.ndarray) -> int:
        """The bytes of an arena for blocks of these bytes, without a change of the layout."""
        return self._arranged(nbytes)[1]

    def _arranged(self, nbytes: np.ndarray) -> tuple[np.ndarray, int]:
        return arrange(nbytes, self._first, self._last)


# ---------------------------------------------------------------------------- lifetimes


def regions_of(step: Step) -> tuple[Plan, ...]:
    """The plans that a step runs."""
    match step:
        case ScanStep(body=body):
            return (body,)
        case WhileStep(condition=condition, body=body):
            return (condition, body)
        case CondStep(then_body=then_body, else_body=else_body):
            return (then_body, else_body)
        case _:
            return ()


def blocks_of(plan: Plan, extra: Extra, kept: Sequence[Storage] = ()) -> tuple[Block, ...]:
    """Lifetimes of all arena storages of a plan and its regions, merged where written in place.

    What the kept steps of the plan write for others, and the storages of `kept`, live for ever.

    Each plan of a region belongs to one step. Time passes step by step; a loop takes the time of
    its body once, during which everything that the loop itself reads and writes is alive. Where
    the plan has "in_place" or "reuse_memory" disabled, nothing is shared in that way.
    """
    time = _Time(extra)
    time.pass_through(plan)
    time.live_on(plan, kept)
    if "reuse_memory" in plan.disabled:
        return tuple(Block((s,), s.nbytes, 0, time.now) for s in time.first)
    return _shared(time, "in_place" not in plan.disabled)


def kept_storages(plan: Plan) -> tuple[Storage, ...]:
    """What the kept steps of a plan write for the others."""
    late = {s for step in plan.steps[plan.kept :] for s in reads(step)}
    return tuple(s for step in plan.steps[: plan.kept] for s in writes(step) if s in late)


class _Time:
    """The first and last tick of each storage, and when kernels run."""

    def __init__(self, extra: Extra) -> None:
        self.extra = extra
        self.now = 0
        self.first: dict[Storage, int] = {}
        self.last: dict[Storage, int] = {}
        self.kernels: list[tuple[int, KernelStep]] = []

    def pass_through(self, plan: Plan) -> None:
        for step in plan.steps:
            begin = self.now
            for region in regions_of(step):
                self.now += 1
                self.pass_through(region)
            if isinstance(step, KernelStep):
                self.kernels.append((begin, step))
            for s in (*reads(step), *writes(step), *self.extra.get(step, ())):
                if s.place == "arena":
                    self.first.setdefault(s, begin)
                    self.last[s] = self.now
            self.now += 1

    def live_on(self, plan: Plan, kept: Sequence[Storage]) -> None:
        """What is kept is there from its first tick until after the last one."""
        for s in kept:
            self.first[s] = 0
        self.last |= dict.fromkeys((*kept, *kept_storages(plan)), self.now)


def _shared(time: _Time, in_place: bool) -> tuple[Block, ...]:
    """One block per storage, and one for each chain of storages written in place."""
    chain: dict[Storage, list[Storage]] = {s: [s] for s in time.first}
    for now, step in time.kernels if in_place else ():
        dying = [s for s in reads(step) if time.last.get(s) == now and time.first[s] < now]
        born = [s for s in writes(step) if time.first.get(s) == now]
        for new in born:
            old = next((s for s in dying if replaces(step, new, s)), None)
            if old is not None:
                dying.remove(old)
                chain[old].append(new)
                chain[new] = chain[old]
    chains = {id(c): c for c in chain.values()}
    return tuple(
        Block(tuple(c), c[0].nbytes, time.first[c[0]], time.last[c[-1]]) for c in chains.values()
    )


def replaces(step: KernelStep, new: Storage, old: Storage) -> bool:
    """Whether a kernel may write `new` into the memory of `old`, which it reads.

    Only where all stores run over the same axes and nothing is a sum of products: the loops of
    contractions read an element more than once.
    """
    kernel, bound = step.kernel, step.bound
    if new.nbytes != old.nbytes or new.dtype.itemsize != old.dtype.itemsize:
        return False
    targets = [s for s in kernel.stores if bound[s.buffer.name] is new]
    sources = [b for b in buffers_of(kernel) if bound[b.name] is old]
    if len(targets) != 1 or any(bound[s.buffer.name] is old for s in kernel.stores):
        return False
    shape, axes = targets[0].buffer.shape, targets[0].axes
    if any(b.shape != shape for b in sources) or any(s.axes != axes for s in kernel.stores):
        return False
    if any(factors(e) for e in expressions_of(kernel) if isinstance(e, Reduce)):
        return False
    return all(may_overwrite(kernel, targets[0], b.name) for b in sources)


# ---------------------------------------------------------------------------- offsets


def most_alive(nbytes: np.ndarray, first: np.ndarray, last: np.ndarray) -> int:
    """The most bytes that are alive at one tick."""
    if not nbytes.size:
        return 0
    change = np.zeros(int(last.max()) + 2, np.int64)
    np.add.at(change, first, rounded(nbytes))
    np.add.at(change, last + 1, -rounded(nbytes))
    return int(change.cumsum().max())


def arrange(nbytes: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, int]:
    """Offsets such that blocks alive at the same tick do not overlap, and the bytes of all."""
    sizes = rounded(nbytes)
    bound = most_alive(nbytes, first, last)
    orders = (
        np.lexsort((first, -sizes)),
        np.lexsort((first, -sizes * (last - first + 1))),
        np.lexsort((-sizes, first - last)),
        np.lexsort((-sizes, first)),
    )
    best, least = np.zeros(len(sizes), np.int64), -1
    for order in orders:
        offsets = _best_fit(order, sizes, first, last)
        total = int((offsets + sizes).max(initial=0))
        if least < 0 or total < least:
            best, least = offsets, total
        if least <= bound * 1.01:
            break
    return best, least


def rounded(nbytes: np.ndarray) -> np.ndarray:
    """Sizes as multiples of the alignment."""
    return -(-nbytes // ALIGN) * ALIGN


def _best_fit(
    order: np.ndarray, sizes: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """In the given order, each block into the smallest gap that is wide enough."""
    offsets = np.zeros(len(sizes), np.int64)
    begins, ends = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    births, deaths = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    for count, i in enumerate(order):
        here = np.flatnonzero((births[:count] <= last[i]) & (deaths[:count] >= first[i]))
        here = here[np.argsort(begins[here])]
        gap_begin = np.concatenate([[0], np.maximum.accumulate(ends[here])])
        room = begins[here] - gap_begin[:-1]
        fits = np.flatnonzero(room >= sizes[i])
        chosen = fits[np.argmin(room[fits])] if fits.size else -1
        offsets[i] = begins[count] = gap_begin[chosen]
        ends[count] = begins[count] + sizes[i]
        births[count], deaths[count] = first[i], last[i]
    return offsets
