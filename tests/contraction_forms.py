"""Kernels of matrix products and convolutions for tests and benchmarks, and their oracle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir import dim
from graphc.ir.dim import Size
from graphc.kernels.build import affine_scale, affine_sum, as_index, load, op, reduce, store
from graphc.kernels.evaluate import evaluate
from graphc.kernels.kernel import Affine, Axis, Buffer, Expr, Index, Kernel, Reduce, Store
from graphc.kernels.laws import verify
from graphc.kernels.walk import buffers_of, roots_of, walk

F32, F64 = dtypes.float32, dtypes.float64

# fmt: off
MEANING = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "maximum": np.maximum, "minimum": np.minimum, "exp": np.exp, "log": np.log,
    "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x), "tanh": np.tanh, "neg": np.negative,
    "less": np.less, "less_equal": np.less_equal, "equal": np.equal,
    "logical_and": np.logical_and, "where": np.where, "abs": np.abs,
    "remainder": np.remainder, "cast": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}
# fmt: on


def buffer(name: str, *shape: Size, dtype: DType = F32) -> Buffer:
    return Buffer(name, dtype, shape)


def axes(**sizes: Size) -> tuple[Axis, ...]:
    return tuple(Axis(n, s) for n, s in sizes.items())


def kernel(name: str, named: tuple[Axis, ...], *stores) -> Kernel:
    return verify(Kernel(name, named, stores))


def relu(x: Expr) -> Expr:
    return op("maximum", x, 0.0)


# ---------------------------------------------------------------------------- matrix products


def matmul(
    m: Size,
    n: Size,
    k: Size,
    form: str = "nn",
    dtype: DType = F32,
    storage: DType | None = None,
    epilogue: str = "",
) -> Kernel:
    """y[m, n] = epilogue(sum a * b); form is one letter per operand, t for transposed."""
    left = ("k", "m") if form[0] == "t" else ("m", "k")
    right = ("n", "k") if form[1] == "t" else ("k", "n")
    sizes = {"m": m, "n": n, "k": k}
    a = load(buffer("a", *(sizes[x] for x in left), dtype=storage or dtype), *left)
    b = load(buffer("b", *(sizes[x] for x in right), dtype=storage or dtype), *right)
    acc = reduce("sum", op("mul", a, b), "k")
    out = buffer("y", m, n, dtype=dtype)
    stores = [store(out, ("m", "n"), finished(acc, ("m", "n"), (m, n), epilogue, dtype))]
    if "sums" in epilogue:
        stores += column_sums(acc, ("m",), "n", n, dtype, "wide" in epilogue)
    return kernel("matmul", axes(m=m, n=n, k=k), *stores)


def column_sums(
    acc: Expr, rows: Sequence[str], at: Index | str, size: Size, dtype: DType, wide: bool
) -> list[Store]:
    """Sums over rows of results and the root of those of their squares, in float64 if wide."""
    x = op("cast", acc, dtype=F64) if wide else acc
    total = reduce("sum", x, rows)
    square = reduce("sum", op("mul", x, x), rows)
    back = (lambda e: op("cast", e, dtype=dtype)) if wide else (lambda e: e)
    made = {"s": total, "q": op("sqrt", square)}
    return [store(buffer(name, size, dtype=dtype), (at,), back(e)) for name, e in made.items()]


def finished(
    acc: Expr, at: Sequence[str], shape: Sequence[Size], epilogue: str, dtype: DType
) -> Expr:
    """acc with bias, residual, tanh and relu as the words of `epilogue` say."""
    if "bias" in epilogue:
        acc = op("add", acc, load(buffer("bias", shape[-1], dtype=dtype), at[-1]))
    if "residual" in epilogue:
        acc = op("add", acc, load(buffer("r", *shape, dtype=dtype), *at))
    if "tanh" in epilogue:
        acc = op("tanh", acc)
    return relu(acc) if "relu" in epilogue else acc


def batched(g: Size, m: Size, n: Size, k: Size, dtype: DType = F32) -> Kernel:
    """scores[g, m, n] = sum q[g, m, k] * k[g, n, k]"""
    q = load(buffer("q", g, m, k, dtype=dtype), "g", "m", "k")
    b = load(buffer("k", g, n, k, dtype=dtype), "g", "n", "k")
    acc = op("mul", reduce("sum", op("mul", q, b), "k"), 0.125)
    out = store(buffer("y", g, m, n, dtype=dtype), ("g", "m", "n"), acc)
    return kernel("scores", axes(g=g, m=m, n=n, k=k), out)


def gates(m: Size, h: Size, k: Size, dtype: DType = F32, many: int = 2) -> Kernel:
    """Gates of a recurrent step: sigmoid(x U) * tanh(x V) * .., the weights side by side."""
    x = load(buffer("x", m, k, dtype=dtype), "m", "k")
    w = buffer("w", k, many * h, dtype=dtype)
    wide = [load(w, "k", affine_sum(as_index("h"), i * h)) for i in range(many)]
    value, *others = (reduce("sum", op("mul", x, b), "k") for b in wide)
    value = op("sigmoid", value)
    for e in others:
        value = op("mul", value, op("tanh", e))
    out = store(buffer("y", m, h, dtype=dtype), ("m", "h"), value)
    return kernel("gates", axes(m=m, h=h, k=k), out)


def masked(m: Size, n: Size, k: Size, dtype: DType = F32) -> Kernel:
    """dx = (dy where z > 0) @ w^T: a prologue on the rows."""
    z, dy = (load(buffer(x, m, k, dtype=dtype), "m", "k") for x in ("z", "dy"))
    dz = op("where", op("less", op("sub", z, z), z), dy, 0.0)
    w = load(buffer("w", n, k, dtype=dtype), "n", "k")
    acc = reduce("sum", op("mul", dz, w), "k")
    return kernel("masked", axes(m=m, n=n, k=k), store(buffer("y", m, n, dtype=dtype), "mn", acc))


# ---------------------------------------------------------------------------- convolutions


@dataclass(frozen=True)
class Conv:
    """One convolution, images channels-last, weights taps-input-output, any number of axes."""

    batch: Size
    image: tuple[int, ...]
    ci: int
    co: int
    taps: tuple[int, ...]
    stride: int = 1
    pad: int = 0
    dilation: int = 1
    groups: int = 1
    dtype: DType = F32

    @property
    def spatial(self) -> range:
        return range(len(self.image))

    @property
    def result(self) -> tuple[int, ...]:
        return tuple(
            (s + 2 * self.pad - self.dilation * (t - 1) - 1) // self.stride + 1
            for s, t in zip(self.image, self.taps)
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"o{i}" for i in self.spatial)

    @property
    def tap_names(self) -> tuple[str, ...]:
        return tuple(f"t{i}" for i in self.spatial)

    def channel(self, name: str, count: int) -> Affine | str:
        return affine_sum(Affine((("g", count), (name, 1)))) if self.groups > 1 else name

    def x(self) -> Expr:
        at = [
            affine_sum(
                affine_scale(as_index(f"o{i}"), self.stride),
                affine_scale(as_index(f"t{i}"), self.dilation),
                -self.pad,
            )
            for i in self.spatial
        ]
        guarded = [1 + i for i in self.spatial] if self.pad else []
        x = buffer("x", self.batch, *self.image, self.ci, dtype=self.dtype)
        return load(x, "b", *at, self.channel("ci", self.ci // self.groups), checked=guarded)

    def w(self) -> Expr:
        w = buffer("w", *self.taps, self.ci // self.groups, self.co, dtype=self.dtype)
        return load(w, *self.tap_names, "ci", self.channel("co", self.co // self.groups))

    def y(self, name: str = "y") -> Buffer:
        return buffer(name, self.batch, *self.result, self.co, dtype=self.dtype)

    def y_index(self) -> tuple[Affine | str, ...]:
        return ("b", *self.names, self.channel("co", self.co // self.groups))

    def axes(self, **others: Size) -> tuple[Axis, ...]:
        sizes = {"b": self.batch, **dict(zip(self.names, self.result))}
        sizes |= dict(zip(self.tap_names, self.taps))
        sizes |= {"ci": self.ci // self.groups, "co": self.co // self.groups}
        sizes |= {"g": self.groups} if self.groups > 1 else {}
        return axes(**sizes | others)

    def forward(self, epilogue: str = "") -> Kernel:
        acc = reduce("sum", op("mul", self.x(), self.w()), (*self.tap_names, "ci"))
        at, shape = self.y_index(), self.y().shape
        stores = [store(self.y(), at, finished(acc, at, shape, epilogue, self.dtype))]
        if "sums" in epilogue:
            rows, wide = ("b", *self.names), "wide" in epilogue
            stores += column_sums(acc, rows, at[-1], self.co, self.dtype, wide)
        return kernel("conv", self.axes(), *stores)

    def weight_gradient(self) -> Kernel:
        dy = load(self.y("dy"), *self.y_index())
        acc = reduce("sum", op("mul", self.x(), dy), ("b", *self.names))
        w = buffer("dw", *self.taps, self.ci // self.groups, self.co, dtype=self.dtype)
        at = (*self.tap_names, "ci", self.channel("co", self.co // self.groups))
        return kernel("conv_dw", self.axes(), store(w, at, acc))

    def input_gradient(self) -> Kernel:
        """dx[h] = sum dy[(h + pad - dilation * p) / stride] w[p], where that is whole."""
        s, d = self.stride, self.dilation
        at = [Affine(((f"o{i}", 1), (f"t{i}", -d)), self.pad, s) for i in self.spatial]
        dims = [1 + i for i in self.spatial]
        channel = self.channel("co", self.co // self.groups)
        exact = dims if s > 1 else []
        dy = load(self.y("dy"), "b", *at, channel, checked=dims, exact=exact)
        acc = reduce("sum", op("mul", dy, self.w()), (*self.tap_names, "co"))
        x = buffer("dx", self.batch, *self.image, self.ci, dtype=self.dtype)
        index = ("b", *self.names, self.channel("ci", self.ci // self.groups))
        sizes = dict(zip(self.names, self.image))
        return kernel("conv_dx", self.axes(**sizes), store(x, index, acc))


# ---------------------------------------------------------------------------- the oracle


def arrays_of(
    kernels: Sequence[Kernel], sizes: Mapping[str, int], seed: int = 0
) -> dict[str, np.ndarray]:
    """Random numbers for every buffer that any of the kernels reads or writes."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for b in (b for k in kernels for b in buffers_of(k)):
        shape = tuple(dim.evaluate(d, sizes) for d in b.shape)
        if b.name not in made:
            made[b.name] = rng.standard_normal(shape).astype(b.dtype.numpy)
    return made


def run_oracle(
    kernels: Sequence[Kernel], arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """The arrays after the kernels ran in NumPy; the given ones stay as they are."""
    result = {n: a.copy() for n, a in arrays.items()}
    for k in kernels:
        evaluate(k, result, sizes, MEANING)
    return result


def outputs_of(kernels: Sequence[Kernel]) -> list[str]:
    return list(dict.fromkeys(s.buffer.name for k in kernels for s in k.stores))


def terms_of(kernel: Kernel, sizes: Mapping[str, int]) -> int:
    """How many numbers are summed into one result at most."""
    names = {n for e in walk(roots_of(kernel)) if isinstance(e, Reduce) for n in e.axes}
    return max(1, prod(dim.evaluate(kernel.axis(n).size, sizes) for n in names))


def rounding(eps: float, kernel: Kernel, sizes: Mapping[str, int], ulps: float = 8.0) -> float:
    """A bound for the error of sums, as a share of the largest result: ulps * eps * sqrt(terms).
    Roundings of so many additions add up like a random walk."""
    return ulps * eps * terms_of(kernel, sizes) ** 0.5


def compare(name: str, got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    """Within `tolerance` of the largest value."""
    if want.size == 0:
        return
    assert np.isfinite(want).all()
    worst = np.abs(got.astype(np.float64) - want).max() / (np.abs(want).max() + 1e-30)
    assert worst <= tolerance, f"{name}: relative error {worst:.2e}, not {tolerance:.2e}"
