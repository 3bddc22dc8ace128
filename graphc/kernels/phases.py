"""Exact divisions of positions removed: one kernel per remainder, with only the taps that meet it.

    dx[h] = sum dy[(h + pad - p) / 2] w[p]  ->   dx[2*h']     = sum dy[h' + a - p'] w[2*p' + a0]
                                                 dx[2*h' + 1] = sum dy[h' + b - p'] w[2*p' + b0]
Input gradients of strided convolutions and convolutions of dilated inputs have such divisions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

from .build import const, coord, load, op, reduce
from .evaluate import identity
from .kernel import Affine, Const, Coord, Expr, Kernel, Load, Op, Reduce
from .laws import verify
from .settle import moved_store, with_axes
from .walk import expressions_of, rebuild, roots_of, walk


def split_phases(kernel: Kernel) -> tuple[Kernel, ...] | None:
    """Kernels without exact divisions that together do the same; (kernel,) if it has none.

    A phase that no tap meets stores the epilogue of an empty sum. None where it cannot be done:
    positions or taps of unknown size, an index of other than one kept and at most one reduced axis,
    or a reduction in which the elements between the positions (the fill) would count.
    """
    waiting: list[Kernel] = [kernel]
    done: list[Kernel] = []
    while waiting:
        here = waiting.pop(0)
        divided = _divided(here)
        if not divided:
            done.append(here)
            continue
        division = _division(here, divided)
        if division is None:
            return None
        waiting = division.phases() + waiting
    if done == [kernel]:
        return (kernel,)
    return tuple(verify(replace(k, name=f"{kernel.name}_{i}")) for i, k in enumerate(done))


def _divided(kernel: Kernel) -> Affine | None:
    """The first index that must leave no rest when it is divided."""
    for e in expressions_of(kernel):
        for i in _exact_indices(e):
            if i.div > 1 and i.terms:
                return i
    return None


def _exact_indices(e: Expr) -> list[Affine]:
    """What an expression divides: exact dimensions of a load, or the rest that a guard asks for."""
    match e:
        case Load():
            return [i for i in (e.index[d] for d in e.exact) if isinstance(i, Affine)]
        case Op(name="remainder", args=(Coord(index=i), Const(value=int(by)))) if i.is_plain:
            return [Affine(i.terms, i.const, by)]
        case _:
            return []


def _division(kernel: Kernel, index: Affine) -> _Division | None:
    """The kept and the reduced axis of a divided index; None if it is not so simple."""
    reduced = {n for e in expressions_of(kernel) if isinstance(e, Reduce) for n in e.axes}
    kept = [t for t in index.terms if t[0] not in reduced]
    taps = [t for t in index.terms if t[0] in reduced]
    if len(kept) != 1 or len(taps) > 1 or index.mod or not isinstance(index.const, int):
        return None
    names = [n for n, _ in index.terms]
    if any(not isinstance(c, int) for _, c in index.terms):
        return None
    if any(not isinstance(kernel.axis(n).size, int) or kernel.axis(n).part for n in names):
        return None
    if any(kept[0][0] not in s.axes for s in kernel.stores):
        return None
    found = _Division(kernel, index, kept[0][0], taps[0][0] if taps else None)
    return found if found.fill_is_neutral() else None


@dataclass(frozen=True, slots=True)
class _Division:
    """floor((step * position + tap_step * tap + const) / stride) in a kernel."""

    kernel: Kernel
    index: Affine
    position: str
    tap: str | None

    def fills(self) -> dict[Expr, Expr]:
        """What lies between the positions together: loads read their fill, some rest is left."""
        found = [e for e in expressions_of(self.kernel) if self.index in _exact_indices(e)]
        return {e: _number(e.fill if isinstance(e, Load) else 1, e) for e in found}

    def fill_is_neutral(self) -> bool:
        """Whether a tap that meets no position adds nothing to any reduction over taps."""
        over = [
            e for e in expressions_of(self.kernel) if isinstance(e, Reduce) and self.tap in e.axes
        ]
        done = folded([e.arg for e in over], self.fills())
        return all(_is(done[e.arg], identity(e.kind, e.dtype)) for e in over)

    def size(self, axis: str) -> int:
        size = self.kernel.axis(axis).size
        assert isinstance(size, int), "phases need known sizes"
        return size

    def step(self, axis: str | None) -> int:
        step = self.index.coef(axis) if axis else 0
        assert isinstance(step, int), "phases need known steps"
        return step

    def phases(self) -> list[Kernel]:
        """The kernels of positions stride * position + rest, for every rest."""
        stride = self.index.div // gcd(self.index.div, self.step(self.position))
        return [self.phase(stride, rest) for rest in range(min(stride, self.size(self.position)))]

    def phase(self, stride: int, rest: int) -> Kernel:
        where = {self.position: Affine(((self.position, stride),), rest)}
        sizes = {self.position: -(-(self.size(self.position) - rest) // stride)}
        every = self.index.div // gcd(self.index.div, self.step(self.tap))
        first = self.first_tap(rest, every)
        if first is None:
            return _resized(_with(self.kernel, self.fills()), where, sizes)
        if self.tap:
            where[self.tap] = Affine(((self.tap, every),), first)
            sizes[self.tap] = -(-(self.size(self.tap) - first) // every)
        return _resized(self.kernel, where, sizes)

    def first_tap(self, rest: int, every: int) -> int | None:
        """The first tap that leaves no rest at these positions; they follow at steps of `every`."""
        assert isinstance(self.index.const, int), "phases need known offsets"
        start = self.step(self.position) * rest + self.index.const
        taps = range(min(every, self.size(self.tap)) if self.tap else 1)
        return next((p for p in taps if (start + self.step(self.tap) * p) % self.index.div == 0),
                    None)  # fmt: skip


def _resized(kernel: Kernel, where: dict[str, Affine], sizes: dict[str, int]) -> Kernel:
    """The kernel over some of the positions and taps; axes that nothing uses any more go."""
    axes = tuple(replace(a, size=sizes.get(a.name, a.size)) for a in kernel.axes)
    moved = with_axes(kernel, axes, where)
    made = _with(moved, {e: _cancelled(e) for e in expressions_of(moved)})
    used = {n for s in made.stores for n in s.axes}
    used |= {n for e in expressions_of(made) if isinstance(e, Reduce) for n in e.axes}
    used |= {a.part.parent for a in made.axes if a.part}
    return replace(made, axes=tuple(a for a in made.axes if a.name in used))


def _with(kernel: Kernel, change: dict[Expr, Expr]) -> Kernel:
    done = folded(roots_of(kernel), change)
    return replace(kernel, stores=tuple(moved_store(s, {}, done) for s in kernel.stores))


def _cancelled(e: Expr) -> Expr:
    """The expression without divisions that leave no rest anywhere."""
    match e:
        case Load():
            index = [_undivided(i) if isinstance(i, Affine) else i for i in e.index]
            exact = [d for d in e.exact if index[d] == e.index[d]]
            return load(e.buffer, *index, checked=e.checked, exact=exact, fill=e.fill)
        case Coord(index=i):
            return coord(_undivided(i), e.dtype)
        case Op(name="remainder", args=(Coord(index=i), Const(value=int(by)))) if i.is_plain:
            rest = i.const % by if isinstance(i.const, int) else None
            whole = rest is not None and _divides(by, Affine(i.terms, 0))
            return const(rest, e.dtype) if whole and rest is not None else e
        case _:
            return e


def _undivided(index: Affine) -> Affine:
    if index.mod or not _divides(index.div, index):
        return index
    terms = tuple((n, c // index.div) for n, c in index.terms)
    return Affine(terms, index.const // index.div)


def _divides(by: int, index: Affine) -> bool:
    numbers = [index.const, *(c for _, c in index.terms)]
    return all(isinstance(x, int) and x % by == 0 for x in numbers)


# ---------------------------------------------------------------------------- constants


def folded(roots: list[Expr], change: dict[Expr, Expr]) -> dict[Expr, Expr]:
    """Copies of all expressions below the roots, where products and sums of zero are zero, and
    guards that are decided are gone."""
    done: dict[Expr, Expr] = {}
    for e in walk(roots):
        new = change.get(e, e)
        if new is not e:
            done[e] = rebuild([new], done)[new] if isinstance(new, Load) else new
            continue
        match e:
            case Op(name=name, args=args):
                done[e] = _fold_op(name, tuple(done[a] for a in args), e)
            case Reduce(kind=kind, arg=arg, axes=axes):
                inner = done[arg]
                neutral = _is(inner, identity(kind, e.dtype))
                done[e] = inner if neutral else reduce(kind, inner, axes)
            case Load():
                done[e] = rebuild([e], done)[e]
            case _:
                done[e] = e
    return done


def _fold_op(name: str, args: tuple[Expr, ...], e: Expr) -> Expr:
    match name, args:
        case ("mul", _) if any(_is(a, 0) for a in args):
            return _number(0, e)
        case ("neg" | "cast", (x,)) if _is(x, 0):
            return _number(0, e)
        case ("equal", (Const(value=a), Const(value=b))):
            return const(a == b, e.dtype)
        case ("logical_and", (a, b)) if _is(a, False) or _is(b, False):
            return const(False, e.dtype)
        case ("logical_and", (a, b)) if _is(a, True) or _is(b, True):
            return b if _is(a, True) else a
        case ("where", (Const(value=c), a, b)):
            return a if c else b
        case ("where", (_, a, b)) if a is b:
            return a
        case _:
            return op(name, *args, dtype=e.dtype)


def _number(value: float, like: Expr) -> Const:
    """A constant written as numbers of its dtype are, so that equal ones are one object."""
    return const(float(value) if like.dtype.is_float else value, like.dtype)


def _is(e: Expr, value: float) -> bool:
    return isinstance(e, Const) and e.value == value
