"""The values of expressions as vectors at one place in the loops.

A value is a list of vectors: one per group of the vector axis, or a single one where it does not
depend on that axis. Loops bind axes with `scope`, reductions are put into `memo` by whoever runs
their loops (`map.py`, contractions), everything else is computed here when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager

from graphc.backends.llvm_cpu.ir import scalar
from graphc.backends.llvm_cpu.ir.types import I1, Number, constant
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.kernels.dense import bounds
from graphc.kernels.kernel import Const, Coord, Expr, Load, Op, Reduce, SizeOf, Store
from graphc.kernels.walk import children

from .memory import Memory
from .place import SMALL, Lanes, Place
from .stream import is_aligned, pieces_of

Vectors = list[str]


class Body:
    """Emits expressions at the current place of the loops."""

    def __init__(self, place: Place) -> None:
        self.place, self.f = place, place.f
        self.memory = Memory(place, self.value)
        self.memo: dict[Expr, Vectors] = {}
        self.special: dict[Expr, Callable[[], Vectors]] = {}
        """Expressions whose values come from elsewhere (row buffers, turned tiles)."""
        self.large: dict[Store, Condition] = {}
        """Stores of results so large that they pass by the caches."""
        self.on_reduction: Callable[[Reduce], Vectors] | None = None

    @contextmanager
    def scope(self, at: Mapping[str, Number], lanes: Lanes | None = None) -> Iterator[None]:
        """Bind axes; what is computed inside is forgotten outside."""
        rebound = self.place.bound() & ({*at, lanes.axis} if lanes else at.keys())
        saved = self.memo
        if rebound:
            self.memo = {e: v for e, v in saved.items() if rebound.isdisjoint(e.free)}
        else:
            self.memo = dict(saved)
        with self.place.bind(at, lanes):
            yield
        self.memo = saved

    def value(self, e: Expr) -> Vectors:
        """The value of an expression whose free axes are bound."""
        if e not in self.memo:
            self.memo[e] = self.special[e]() if e in self.special else self.compute(e)
        return self.memo[e]

    def compute(self, e: Expr) -> Vectors:
        """The value, from the values of what is below."""
        place, width = self.place, self.place.width
        match e:
            case Const(value=value):
                return [constant(e.dtype, value, width)]
            case SizeOf(size=size):
                return [place.uniform_value(e.dtype, place.size(size))]
            case Coord():
                return self._coordinate(e)
            case Load():
                return self.memory.load(e)
            case Op(args=args):
                parts = [self.value(a) for a in args]
                groups = max((len(p) for p in parts), default=1)
                rows = ([p[g % len(p)] for p in parts] for g in range(groups))
                return [scalar.apply(self.f, e, width, row) for row in rows]
            case Reduce():
                assert self.on_reduction, "a reduction is computed by the loops around this place"
                return self.on_reduction(e)
        raise AssertionError(f"no value for {type(e).__name__}")

    def _coordinate(self, e: Coord) -> Vectors:
        place, index = self.place, e.index
        if place.lanes is None or not place.uses_lanes(index):
            return [place.uniform_value(e.dtype, place.affine(index))]
        known = bounds(index, place.axes)
        fits = known is not None and -SMALL < known[0] <= known[1] < SMALL
        groups = range(place.lanes.groups)
        return [place.lane_value(e.dtype, place.spread(index, g), fits) for g in groups]

    def store(self, s: Store) -> None:
        """Compute and store a value here."""
        self.write(s, self.value(s.value), self.large.get(s, False))

    def write(self, s: Store, values: Vectors, large: Condition) -> None:
        """Store values; whole vectors past the caches if they are large and aligned."""
        lanes, memory = self.place.lanes, self.memory
        if large is False or lanes is None or lanes.left is not None or s.combine is not None:
            return memory.write(s, values)
        where = memory.address(s.buffer, s.index)
        if where.step != 1:
            return memory.write(s, values)

        def stored(streaming: bool) -> list[Number]:
            memory.streaming = streaming
            memory.write(s, values)
            memory.streaming = False
            return []

        aligned = is_aligned(self.place, where.pointer, pieces_of(s, self.place.width))
        both = self.f.both(large, aligned)
        self.f.if_else(both, lambda: stored(True), lambda: stored(False), [])
        return None

    # ---- hoisting

    @contextmanager
    def hoisted(self, needs: Iterable[tuple[Expr, Iterable[str]]]) -> Iterator[None]:
        """Compute now what is the same in the loops that follow, written inside this context.

        `needs` are roots with the axes of the loops around them (LLVM's own hoisting is not run).
        A load may touch memory only if those loops, and those of the reductions above it, run at
        all; what depends on such a load is forgotten afterwards.
        """
        found = _Invariant(self.place.bound(), self.memo, self.special)
        for e, inner in needs:
            found.visit(e, frozenset(inner))
        exists = {e: self._any(sets) for e, sets in found.loads.items()}
        doubtful = _above([e for e, condition in exists.items() if condition is not True])
        for e in (*found.loads, *found.ready):
            if not doubtful(e):
                self.value(e)
        if all(condition is True for condition in exists.values()):
            yield
            return
        with self.scope({}):
            for e, condition in exists.items():
                self.memory.exists = condition
                self.value(e)
                self.memory.exists = True
            for e in found.ready:
                self.value(e)
            yield

    def _any(self, sets: Iterable[frozenset[str]]) -> Condition:
        """Whether the loops over one of these sets of axes run."""
        result: Condition = False
        for axes in sorted(sets, key=sorted):
            here = self.place.nonempty(sorted(axes))
            if here is True:
                return True
            if here is not False:
                result = here if result is False else self.f.binary("or", I1, result, here)
        return result


def _above(some: Iterable[Expr]) -> Callable[[Expr], bool]:
    """Whether an expression is one of some, or above one."""
    known = dict.fromkeys(some, True)

    def answer(e: Expr) -> bool:
        if e not in known:
            known[e] = any(map(answer, children(e)))
        return known[e]

    return answer


class _Invariant:
    """What can be computed before some loops, and the loads below it with the loops around them."""

    def __init__(
        self, bound: frozenset[str], memo: Container[Expr], special: Container[Expr]
    ) -> None:
        self.bound, self.memo, self.special = bound, memo, special
        self.ready: dict[Expr, None] = {}
        self.loads: dict[Expr, set[frozenset[str]]] = {}
        self._seen: set[tuple[Expr, frozenset[str]]] = set()
        self._known: dict[Expr, bool] = {}

    def visit(self, e: Expr, inner: frozenset[str]) -> None:
        """Look for the largest invariant expressions at and below one."""
        if e in self.memo or isinstance(e, Const) or (e, inner) in self._seen:
            return
        self._seen.add((e, inner))
        if e.free <= self.bound - inner and self._is_complete(e):
            self.ready[e] = None
            self._read(e, inner)
            return
        inside = inner | frozenset(e.axes) if isinstance(e, Reduce) else inner
        for child in children(e):
            self.visit(child, inside)

    def _is_complete(self, e: Expr) -> bool:
        """Whether no reduction and no special value is missing."""
        if e in self.memo:
            return True
        if e not in self._known:
            waits = isinstance(e, Reduce) or e in self.special
            self._known[e] = not waits and all(map(self._is_complete, children(e)))
        return self._known[e]

    def _read(self, e: Expr, inner: frozenset[str]) -> None:
        if e in self.memo:
            return
        for child in children(e):
            if (child, inner) not in self._seen:
                self._seen.add((child, inner))
                self._read(child, inner)
        if isinstance(e, Load):
            self.loads.setdefault(e, set()).add(inner)
