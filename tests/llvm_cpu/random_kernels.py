"""Random kernels that obey the laws, with sizes and inputs to run them on.

Values stay of moderate size, and comparisons look only at exact numbers, so that rounding cannot
change a result by much.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir import dim
from graphc.ir.dim import Size
from graphc.kernels.build import compute_dtype, const, coord, load, op, reduce, size_of
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Index, Kernel, Load, Part, Store

SIZES = (0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 130)
MOST = 6000
"""Points of all axes together, if nobody asks for fewer."""
SMOOTH = ("tanh", "sigmoid", "sin", "cos", "abs", "neg")
FLOATS = (dtypes.float32, dtypes.float64)
INTS = tuple(d for d in dtypes.INTEGERS)


@dataclass
class RandomKernel:
    """A kernel under construction, drawn from a seed."""

    seed: int
    twins: bool = False
    """Whether stores often have inputs of their own shape, read at their own index."""
    most: int = MOST
    """Points of all axes together."""
    axes: list[Axis] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, np.ndarray] = field(default_factory=dict)
    buffers: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.numbers = np.random.default_rng(self.seed)
        self.draw_axes()
        stores = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            stores.append(self.draw_store(f"out{len(stores)}"))
        self.kernel = Kernel("random", tuple(self.axes), tuple(stores))

    # ---- axes

    def draw_axes(self) -> None:
        points = 1
        for i in range(self.random.choice((1, 2, 2, 3, 3, 4))):
            fitting = [s for s in SIZES if s * points <= self.most]
            if len(fitting) > 4 and self.random.random() < 0.9:
                fitting = fitting[2:]
            extent = self.random.choice(fitting)
            points *= max(1, extent)
            self.axes.append(Axis(f"a{i}", self.sized(f"s{i}", extent)))
        if self.random.random() < 0.2 and points < self.most // 4:
            self.cut(self.random.choice(self.axes))

    def cut(self, axis: Axis) -> None:
        """Cut an axis into parts of which the last may be short or empty."""
        total = self.extent(axis.name)
        parts = self.random.choice((1, 2, 3, 4))
        block = max(1, -(-total // parts) + self.random.choice((0, 0, 1)))
        at = self.axes.index(axis)
        inner = Axis(f"{axis.name}i", block, Part(f"{axis.name}p", block, axis.size))
        self.axes[at : at + 1] = [Axis(f"{axis.name}p", parts), inner]

    def sized(self, name: str, extent: int) -> Size:
        if self.random.random() < 0.5:
            return extent
        self.sizes[name] = extent
        return dim.named(name)

    def extent(self, axis: str) -> int:
        found = next(a for a in self.axes if a.name == axis)
        return dim.evaluate(found.size, self.sizes)

    # ---- loads

    def buffer(self, dtype: DType, shape: list[Size]) -> Buffer:
        self.buffers += 1
        name = f"in{self.buffers}"
        extents = tuple(dim.evaluate(s, self.sizes) for s in shape)
        self.inputs[name] = self.draw_values(dtype, extents)
        return Buffer(name, dtype, tuple(shape))

    def draw_values(self, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
        if dtype.kind == "b":
            return self.numbers.random(shape) < 0.5
        if dtype.is_float:
            return np.round(self.numbers.standard_normal(shape), 1).astype(dtype.numpy)
        limits = np.iinfo(dtype.numpy)
        low, high = max(limits.min, -50), min(limits.max, 50)
        return self.numbers.integers(low, high, shape).astype(dtype.numpy)

    def draw_load(self, dtype: DType, axes: list[str]) -> Load:
        """A load whose index uses some axes in some way."""
        stored = dtype
        if dtype is dtypes.float32 and self.random.random() < 0.2:
            stored = self.random.choice((dtypes.float16, dtypes.bfloat16))
        named = self.random.sample(axes, self.random.randint(min(1, len(axes)), len(axes)))
        if self.random.random() < 0.6:
            named.sort(key=[a.name for a in self.axes].index)
        index: list[Index] = []
        shape: list[Size] = []
        checked, exact = [], []
        for name in named:
            i, size, guards = self.draw_index(name, named)
            checked += [len(index)] * (guards > 0)
            exact += [len(index)] * (guards > 1)
            index.append(i)
            shape.append(size)
        fill = self.random.choice((0, 0, 1)) if stored.kind != "b" else False
        return load(self.buffer(stored, shape), *index, checked=checked, exact=exact, fill=fill)

    def draw_index(self, name: str, others: list[str]) -> tuple[Index, Size, int]:
        """(index, size of the dimension, how it is guarded: 0 not, 1 checked, 2 exact too)."""
        axis = next(a for a in self.axes if a.name == name)
        n, extent = axis.size, self.extent(name)
        plain = Affine(((name, 1),))
        match self.random.randrange(16):
            case 0:
                return Affine(((name, 1),), self.random.choice((-3, -1, 2))), n, 1
            case 1:
                return Affine(((name, -1),), n - 1), n, 0
            case 2:
                return Affine(((name, 2),), 1), 2 * n + 1, 0
            case 3:
                by = self.random.choice((2, 3, 4))
                return Affine(((name, 1),), 0, by), dim.ceil_div(n, by), 0
            case 4:
                by = self.random.choice((2, 3, 8))
                return Affine(((name, 1),), 1, 1, by), by, 0
            case 5 if len(others) > 1:
                other = self.random.choice([o for o in others if o != name])
                more = next(a for a in self.axes if a.name == other).size
                return Affine(((name, 1), (other, 1)), -1), n + more, 1
            case 6:
                by = self.random.choice((2, 3))
                return Affine(((name, 1),), 1, by), dim.ceil_div(n, by) + 1, 2
            case 7 | 8 if extent:
                return *self.draw_key(name, n, extent), 0
            case 9:
                return *self.draw_key(name, n, 2 * extent + 1)[:1], n, 1
            case 11:
                by = self.random.choice((2, 3, 4))
                return Affine(((name, -1),), n - 1, by), dim.ceil_div(n, by), 0
            case 12:
                by, mod = self.random.choice(((1, 3), (2, 5)))
                return Affine(((name, -1),), 0, by, mod), mod, 0
            case 10:
                by, mod = self.random.choice(((2, 3), (3, 2)))
                return Affine(((name, 1),), 0, by, mod), mod, 0
        return plain, n, 0

    def draw_key(self, name: str, size: Size, below: int) -> tuple[Expr, Size]:
        """A computed index: an integer input over one axis with values 0 .. below - 1."""
        kinds = [d for d in INTS if np.iinfo(d.numpy).max >= below]
        keys = self.buffer(self.random.choice(kinds), [size])
        shape = self.inputs[keys.name].shape
        drawn = self.numbers.integers(0, max(1, below), shape)
        self.inputs[keys.name] = drawn.astype(keys.dtype.numpy)
        return load(keys, name), size

    # ---- expressions

    def draw(self, dtype: DType, axes: list[str], depth: int) -> Expr:
        """An expression of a dtype over at most these axes."""
        if depth <= 0 or not axes:
            return self.draw_leaf(dtype, axes)
        kind = self.random.random()
        if kind < 0.25:
            return self.draw_reduction(dtype, axes, depth)
        if dtype.kind == "b":
            return self.draw_bool(axes, depth)
        if dtype.is_float:
            return self.draw_float(dtype, axes, depth)
        name = self.random.choice(
            ("add", "sub", "mul", "maximum", "minimum", "bitwise_xor", "floor_divide", "remainder")
        )
        return op(name, self.draw(dtype, axes, depth - 1), self.draw(dtype, axes, depth - 2))

    def draw_leaf(self, dtype: DType, axes: list[str]) -> Expr:
        kind = self.random.random()
        if kind < 0.1 and dtype.kind != "b":
            return const(self.random.choice((0, 1, 2, 3)), dtype)
        if kind < 0.2 and axes and dtype.kind != "b":
            name = self.random.choice(axes)
            index = Affine(((name, self.random.choice((1, 2))),), 1, self.random.choice((1, 1, 3)))
            value = coord(index, dtype)
            return op("mul", value, 0.01) if dtype.is_float else value
        if kind < 0.25 and axes and dtype is not dtypes.int8 and dtype is not dtypes.uint8:
            size = self.random.choice([a.size for a in self.axes])
            if dtype.is_integer:
                return size_of(size, dtype)
        return self.draw_load(dtype, axes)

    def draw_float(self, dtype: DType, axes: list[str], depth: int) -> Expr:
        a = self.draw(dtype, axes, depth - 1)
        match self.random.randrange(8):
            case 0 | 1:
                return op(self.random.choice(SMOOTH), a)
            case 2:
                return op("where", self.draw(dtypes.bool_, axes, 1), a, self.draw_leaf(dtype, axes))
            case 3:
                return op("cast", self.draw(self.random.choice(INTS), axes, 1), dtype=dtype)
            case 4:
                return op("mul", op("tanh", a), self.draw(dtype, axes, depth - 2))
        name = self.random.choice(("add", "sub", "maximum", "minimum"))
        return op(name, a, self.draw(dtype, axes, depth - 2))

    def draw_bool(self, axes: list[str], depth: int) -> Expr:
        of = self.random.choice((dtypes.float32, *INTS))
        if self.random.random() < 0.4:
            name = self.random.choice(("logical_and", "logical_or", "logical_xor"))
            return op(name, self.draw(dtypes.bool_, axes, depth - 1), self.draw_leaf(of, axes))
        name = self.random.choice(("less", "less_equal", "equal", "not_equal"))
        return op(name, self.draw_leaf(of, axes), self.draw_leaf(of, axes))

    def draw_reduction(self, dtype: DType, axes: list[str], depth: int) -> Expr:
        arg = self.draw(dtype, axes, depth - 1)
        over = [n for n in sorted(arg.free) if self.random.random() < 0.5]
        for axis in filter(lambda a: a.part is not None, self.axes):
            # A part exists only where the axis that numbers it has a value.
            over = self.with_part(axis, over, arg.free)
        if not over:
            return arg
        kinds = ("sum", "max", "min") if dtype.is_float else ("sum", "max", "min", "prod")
        total = reduce(self.random.choice(kinds), arg, over)
        if not dtype.is_float:
            return total
        # The identities of empty reductions are infinite; keep what follows finite.
        return op("tanh", op("mul", total, 0.1))

    def with_part(self, axis: Axis, over: list[str], free: frozenset[str]) -> list[str]:
        assert axis.part, "called for parts"
        parent = axis.part.parent
        if parent in over and axis.name not in over:
            over = [*over, axis.name] if axis.name in free else [n for n in over if n != parent]
        return over if parent in free else [n for n in over if n != axis.name]

    # ---- stores

    def draw_store(self, name: str) -> Store:
        dtype = self.random.choice(
            (dtypes.float32,) * 4 + (dtypes.float64, dtypes.bool_, *INTS, dtypes.bfloat16)
        )
        names = [a.name for a in self.axes]
        parents = {a.name: a.part.parent for a in self.axes if a.part}
        chosen = [n for n in names if self.random.random() < 0.8]
        chosen = [n for n in chosen if n not in parents or parents[n] in chosen]
        chosen = [n for n in chosen if n not in parents.values() or self.part_of(n) in chosen]
        value = self.draw(compute_dtype(dtype), names, self.random.choice((1, 2, 3, 4)))
        missing = sorted(value.free - set(chosen))
        missing += [p for p in map(self.part_of, missing) if p and p not in missing]
        missing += [parents[n] for n in missing if parents.get(n, n) not in (*missing, *chosen)]
        missing = list(dict.fromkeys(missing))
        if missing:
            kind = "sum" if dtype.is_float else self.random.choice(("sum", "max", "min"))
            value = reduce(kind, value, missing)
        order = list(chosen)
        if self.random.random() < 0.4:
            self.random.shuffle(order)
        if self.twins and order:
            value = self.with_twin(dtype, order, value)
        return self.finish_store(name, dtype, order, chosen, value)

    def with_twin(self, dtype: DType, order: list[str], value: Expr) -> Expr:
        """The value with an input of the output's shape, and what it is reduced to, mixed in."""
        sizes = {a.name: a.size for a in self.axes}
        twin = load(self.buffer(dtype, [sizes[n] for n in order]), *order)
        mixed = op("maximum", value, twin) if dtype.kind == "b" else op("add", value, twin)
        whole = [n for n in order if all(a.part is None for a in self.axes)]
        over = [n for n in whole if self.random.random() < 0.5]
        if not over:
            return mixed
        kind = "max" if self.random.random() < 0.5 else "min"
        return op("maximum", mixed, reduce(kind, twin, over))

    def part_of(self, parent: str) -> str | None:
        return next((a.name for a in self.axes if a.part and a.part.parent == parent), None)

    def finish_store(
        self, name: str, dtype: DType, order: list[str], chosen: list[str], value: Expr
    ) -> Store:
        sizes = {a.name: a.size for a in self.axes}
        index: list[Index] = [Affine(((n, 1),)) for n in order]
        shape = [sizes[n] for n in order]
        kind = self.random.random()
        if kind < 0.6 or not order:
            return Store(Buffer(name, dtype, tuple(shape)), tuple(index), value, tuple(chosen))
        if dtype is dtypes.bfloat16:  # rounding at every step depends on the order
            dtype = dtypes.float32
        combine = self.random.choice(("sum", "max", "min", "set" if kind > 0.8 else "sum"))
        at = self.random.randrange(len(order))
        if self.random.random() < 0.5:
            del index[at], shape[at]
        elif self.extent(order[at]):
            key, _ = self.draw_key(order[at], sizes[order[at]], 4)
            index[at], shape[at] = key, 5
        keep = combine != "set" and self.random.random() < 0.3
        buffer = Buffer(name, dtype, tuple(shape))
        if keep:
            extents = tuple(dim.evaluate(s, self.sizes) for s in shape)
            self.inputs[name] = self.draw_values(dtype, extents)
        return Store(buffer, tuple(index), value, tuple(chosen), combine, keep)
