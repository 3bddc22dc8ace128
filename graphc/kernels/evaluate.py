"""The meaning of a kernel, in NumPy: one array dimension per axis. Slow; the oracle of the tests.

The scalar operations are given by the caller as a table from name to NumPy function, because the
one table of meanings belongs to the reference backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from graphc.dtypes import DType
from graphc.ir import dim

from .kernel import Affine, Axis, Const, Coord, Expr, Index, Kernel, Load, Op, Reduce, SizeOf, Store

Arrays = dict[str, np.ndarray]
Meaning = Mapping[str, Callable[..., np.ndarray]]

# fmt: off
REDUCE: dict[str, tuple[np.ufunc, float]] = {  # kind -> combining function, identity for floats
    "sum":  (np.add,      0.0),
    "prod": (np.multiply, 1.0),
    "max":  (np.maximum,  float("-inf")),
    "min":  (np.minimum,  float("inf")),
}
# fmt: on


def identity(kind: str, dtype: DType) -> float | int | bool:
    """The value that changes nothing when combined."""
    value = REDUCE[kind][1]
    if dtype.is_float:
        return value
    if dtype.kind == "b":
        return bool(value > 0)
    if abs(value) != float("inf"):
        return int(value)
    limits = np.iinfo(dtype.numpy)
    return int(limits.min if value < 0 else limits.max)


def evaluate(kernel: Kernel, arrays: Arrays, sizes: Mapping[str, int], meaning: Meaning) -> None:
    """Run the kernel: writes the arrays of its stores in place."""
    run = _Run(kernel, arrays, sizes, meaning)
    results = [(s, run.value(s.value)) for s in kernel.stores]
    for s, result in results:
        run.write(s, result)


class _Run:
    def __init__(
        self, kernel: Kernel, arrays: Arrays, sizes: Mapping[str, int], meaning: Meaning
    ) -> None:
        self.kernel, self.arrays, self.sizes, self.meaning = kernel, arrays, sizes, meaning
        self.position = {a.name: i for i, a in enumerate(kernel.axes)}
        self.extent = {a.name: dim.evaluate(a.size, sizes) for a in kernel.axes}
        self.ones = (1,) * len(kernel.axes)
        self.memo: dict[Expr, np.ndarray] = {}

    def coordinate(self, axis: str) -> np.ndarray:
        shape: list[int] = list(self.ones)
        shape[self.position[axis]] = self.extent[axis]
        return np.arange(self.extent[axis], dtype=np.int64).reshape(shape)

    def affine(self, index: Affine) -> np.ndarray:
        total = self.undivided(index) // index.div
        return total % index.mod if index.mod else total

    def undivided(self, index: Affine) -> np.ndarray:
        total = np.full(self.ones, dim.evaluate(index.const, self.sizes), np.int64)
        for name, coef in index.terms:
            total = total + dim.evaluate(coef, self.sizes) * self.coordinate(name)
        return total

    def index(self, index: Index) -> np.ndarray:
        return self.affine(index) if isinstance(index, Affine) else self.value(index)

    def exists(self, axes: tuple[str, ...]) -> np.ndarray:
        mask = np.full(self.ones, True)
        for a in map(self.kernel.axis, axes):
            if a.part:
                mask = mask & self.in_part(a)
        return mask

    def in_part(self, axis: Axis) -> np.ndarray:
        assert axis.part, "only a part axis can be short"
        block = dim.evaluate(axis.part.block, self.sizes)
        here = block * self.coordinate(axis.part.parent) + self.coordinate(axis.name)
        return here < dim.evaluate(axis.part.total, self.sizes)

    def value(self, e: Expr) -> np.ndarray:
        if e not in self.memo:
            with np.errstate(all="ignore"):
                self.memo[e] = self.compute(e)
        return self.memo[e]

    def compute(self, e: Expr) -> np.ndarray:
        match e:
            case Const(value=value):
                return np.full(self.ones, value, e.dtype.numpy)
            case Coord(index=index):
                return self.affine(index).astype(e.dtype.numpy)
            case SizeOf(size=size):
                return np.full(self.ones, dim.evaluate(size, self.sizes), e.dtype.numpy)
            case Load():
                return self.load(e)
            case Reduce():
                return self.reduce(e)
            case Op(name="cast", args=(arg,)):
                return self.value(arg).astype(e.dtype.numpy)
            case Op(name=name, args=args):
                return np.asarray(self.meaning[name](*map(self.value, args))).astype(e.dtype.numpy)
        raise AssertionError(f"no meaning for {type(e).__name__}")

    def load(self, e: Load) -> np.ndarray:
        indices, inside = [], np.full(self.ones, True)
        for d, i in enumerate(e.index):
            here, limit = self.index(i), dim.evaluate(e.buffer.shape[d], self.sizes)
            if d in e.checked:
                inside = inside & (here >= 0) & (here < limit)
            if d in e.exact and isinstance(i, Affine):
                inside = inside & (self.undivided(i) % i.div == 0)
            indices.append(np.clip(here, 0, max(limit - 1, 0)))
        stored = self.view(e.buffer.name, e.buffer.shape)
        if stored.size == 0:
            return np.full(np.broadcast_shapes(self.ones, inside.shape), e.fill, e.dtype.numpy)
        got = stored[tuple(np.broadcast_arrays(*indices))] if indices else stored.reshape(self.ones)
        got = got.astype(e.dtype.numpy)
        return np.where(inside, got, np.asarray(e.fill, e.dtype.numpy))

    def reduce(self, e: Reduce) -> np.ndarray:
        combine = REDUCE[e.kind][0]
        full = [self.extent[a.name] if a.name in e.axes else 1 for a in self.kernel.axes]
        arg = self.value(e.arg)
        arg = np.broadcast_to(arg, np.broadcast_shapes(arg.shape, tuple(full)))
        arg = np.where(self.exists(e.axes), arg, np.asarray(identity(e.kind, e.dtype), arg.dtype))
        over = tuple(self.position[n] for n in e.axes)
        start = identity(e.kind, e.dtype)
        if e.dtype.kind == "b":
            pick = np.any if e.kind in ("max", "sum") else np.all
            return pick(arg, axis=over, keepdims=True)
        total = combine.reduce(arg, axis=over, keepdims=True, initial=start, dtype=arg.dtype)
        return total.astype(e.dtype.numpy)

    def view(self, name: str, shape: dim.Shape) -> np.ndarray:
        return self.arrays[name].reshape([dim.evaluate(d, self.sizes) for d in shape])

    def write(self, s: Store, result: np.ndarray) -> None:
        shape = tuple(self.extent[a.name] if a.name in s.axes else 1 for a in self.kernel.axes)
        order = [self.position[n] for n in s.axes]
        order += [i for i in range(len(shape)) if i not in order]
        mask = np.broadcast_to(self.exists(s.axes), shape).transpose(order)
        pick = [np.broadcast_to(self.index(i), shape).transpose(order)[mask] for i in s.index]
        target = self.view(s.buffer.name, s.buffer.shape)
        values = np.broadcast_to(result, shape).transpose(order)[mask].astype(target.dtype)
        if s.combine in (None, "set"):
            if pick or values.size:
                target[tuple(pick)] = values if pick else values[-1]
            return
        if not s.keep:
            target[...] = identity(s.combine, s.buffer.dtype)
        if not pick:
            target, pick = target.reshape(1), [np.zeros(values.shape, np.int64)]
        REDUCE[s.combine][0].at(target, tuple(pick), values)
