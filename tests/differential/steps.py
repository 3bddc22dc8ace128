"""Each way to grow a random graph by one op or a few: `STEPS`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir.node import Tensor
from graphc.ops import (
    control,
    conv,
    convert,
    elementwise,
    index,
    leaf,
    matmul,
    movement,
    pool,
    random,
    reduce,
)

from .maker import DTYPES, Maker

SAFE_UNARY = [
    elementwise.neg, elementwise.abs, elementwise.sign, elementwise.floor, elementwise.exp,
    elementwise.tanh, elementwise.sigmoid, elementwise.sin, elementwise.cos, elementwise.erf,
    elementwise.atan, elementwise.expm1, elementwise.round,
]  # fmt: skip
FLOAT_ONLY = set(SAFE_UNARY) - {
    elementwise.neg, elementwise.abs, elementwise.sign, elementwise.floor, elementwise.round,
}  # fmt: skip
BINARY = [
    elementwise.add, elementwise.sub, elementwise.mul, elementwise.maximum, elementwise.minimum,
    elementwise.less, elementwise.equal, elementwise.floor_divide, elementwise.remainder,
]  # fmt: skip


def _is_exact(t: Tensor) -> bool:
    """Whether backends have the same bits: only then may a step (floor, <, argmax) follow."""
    return "leaf" in t.node.op.traits or not t.dtype.is_float


def _unary(m: Maker) -> Tensor | None:
    op = m.one_of(SAFE_UNARY)
    steps = op in (elementwise.floor, elementwise.round, elementwise.sign)
    x = m.pick(
        lambda t: (
            (t.dtype.is_float or (op not in FLOAT_ONLY and t.dtype.kind in "iu"))
            and (not steps or _is_exact(t))
        )
    )
    return None if x is None else op(x)


def _partner(m: Maker, x: Tensor, kind: DType | None = None) -> Tensor:
    """A tensor that broadcasts with x: one of the pool if there is one, else a new input."""
    wanted = kind or x.dtype
    fits = [t for t in m.pool if t.dtype is wanted and t.shape == x.shape]
    if fits and m.chance(0.6):
        return fits[int(m.rng.integers(len(fits)))]
    shape = [s if m.chance(0.7) else 1 for s in x.shape]
    cut = int(m.rng.integers(0, x.ndim + 1)) if m.chance(0.3) else 0
    return m.new_input(tuple(shape[cut:]), wanted)


def _binary(m: Maker) -> Tensor | None:
    op = m.one_of(BINARY)
    steps = op in (elementwise.less, elementwise.equal)
    x = m.pick(lambda t: t.dtype.kind in "iuf" and (not steps or _is_exact(t)))
    if x is None:
        return None
    y = m.new_input(x.shape, x.dtype) if steps else _partner(m, x)
    if op in (elementwise.floor_divide, elementwise.remainder) and x.dtype.is_float:
        y = elementwise.add(elementwise.abs(y), 0.7)
        x = elementwise.mul(x, 1.37)
        return elementwise.sub(x, y)  # the floor of a float quotient is not stable to rounding
    return op(x, y)


def _where(m: Maker) -> Tensor | None:
    x = m.pick()
    return None if x is None else elementwise.where(_partner(m, x, dtypes.bool_), x, _partner(m, x))


def _cast(m: Maker) -> Tensor | None:
    x, kind = m.pick(), dtypes.as_dtype(str(m.one_of(DTYPES)))
    if x is None or (x.dtype.is_float and not kind.is_float):
        return None
    return convert.cast(x, kind)


def _reduce(m: Maker) -> Tensor | None:
    op = m.one_of([reduce.sum, reduce.sum, reduce.mean, reduce.max, reduce.min, reduce.any])
    x = m.pick(lambda t: t.ndim > 0 and (t.dtype.is_float or op in (reduce.any, reduce.max)))
    if x is None or 0 in m.concrete(x.shape):
        return None
    axes = [a for a in range(x.ndim) if m.chance(0.5)]
    return op(x, axes or None, keepdims=m.chance(0.4))


def _arg(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0 and t.dtype.kind != "b" and _is_exact(t))
    if x is None or 0 in m.concrete(x.shape):
        return None
    op = m.one_of([reduce.argmax, reduce.argmin])
    return op(x, int(m.rng.integers(x.ndim)))


def _softmax(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.dtype.is_float and t.ndim > 0)
    if x is None or 0 in m.concrete(x.shape):
        return None
    axis = int(m.rng.integers(x.ndim))
    shifted = elementwise.sub(x, reduce.max(x, axis, keepdims=True))
    e = elementwise.exp(shifted)
    return elementwise.div(e, reduce.sum(e, axis, keepdims=True))


def _normalise(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.dtype.is_float and t.ndim > 1)
    if x is None or 0 in m.concrete(x.shape):
        return None
    axes = [a for a in range(x.ndim) if m.chance(0.6)] or [0]
    centred = elementwise.sub(x, reduce.mean(x, axes, keepdims=True))
    spread = reduce.mean(elementwise.square(centred), axes, keepdims=True)
    return elementwise.mul(centred, elementwise.rsqrt(elementwise.add(spread, 0.1)))


def _transpose(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 1)
    return None if x is None else movement.transpose(x, [int(a) for a in m.rng.permutation(x.ndim)])


def _reshape(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0)
    if x is None:
        return None
    if x.ndim > 1 and m.chance(0.5):
        at = int(m.rng.integers(x.ndim - 1))
        return movement.reshape(
            x, (*x.shape[:at], x.shape[at] * x.shape[at + 1], *x.shape[at + 2 :])
        )
    at = int(m.rng.integers(x.ndim))
    size = x.shape[at]
    if not isinstance(size, int) or size < 4 or size % 2:
        return movement.expand_dims(x, at)
    return movement.reshape(x, (*x.shape[:at], size // 2, 2, *x.shape[at + 1 :]))


def _slice(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0)
    if x is None:
        return None
    axis = int(m.rng.integers(x.ndim))
    size = x.shape[axis]
    if not isinstance(size, int):
        return movement.slice_axis(x, axis, 0, size, int(m.rng.integers(1, 3)))
    low, high = sorted(int(v) for v in m.rng.integers(0, size + 1, 2))
    return movement.slice_axis(x, axis, low, high, int(m.rng.integers(1, 4)))


def _pad(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0 and t.dtype.kind != "b")
    if x is None:
        return None
    padding = [(int(a), int(b)) for a, b in m.rng.integers(0, 3, (x.ndim, 2))]
    holes = [int(h) for h in m.rng.integers(0, 2, x.ndim)] if m.chance(0.3) else None
    return movement.pad(x, padding, int(m.rng.integers(-2, 3)) if x.dtype.kind != "u" else 1, holes)


def _concat(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0)
    if x is None:
        return None
    axis = int(m.rng.integers(x.ndim))
    other = m.new_input((*x.shape[:axis], m.size(), *x.shape[axis + 1 :]), x.dtype)
    return movement.concat([x, other] if m.chance(0.5) else [other, x, x], axis)


def _flip(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0)
    return None if x is None else movement.flip(x, [a for a in range(x.ndim) if m.chance(0.5)])


def _matmul(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.dtype.is_float and t.ndim > 0)
    if x is None:
        return None
    if x.ndim > 2 and m.chance(0.4):
        y = m.new_input((*x.shape[:-2], x.shape[-1], m.size()), x.dtype)
    elif m.chance(0.3):
        y = m.new_input((m.size(), x.shape[-1]), x.dtype)
        return matmul.dot_general(x, y, ((x.ndim - 1,), (1,)))
    else:
        y = m.new_input((x.shape[-1], m.size()), x.dtype)
    return matmul.matmul(x, y)


def _conv(m: Maker) -> Tensor | None:
    spatial, groups = int(m.rng.integers(1, 3)), int(m.rng.choice([1, 1, 2, 3]))
    extents = tuple(int(m.rng.integers(3, 9)) for _ in range(spatial))
    shape = (m.batch, *extents, groups * int(m.rng.integers(1, 5)))
    kind = dtypes.float64 if m.chance(0.15) else dtypes.float32
    x = m.new_input(shape, kind)
    taps = tuple(int(m.rng.integers(1, 4)) for _ in range(spatial))
    w = m.new_input((*taps, shape[-1] // groups, groups * int(m.rng.integers(1, 5))), kind)
    some = lambda low, high: tuple(int(v) for v in m.rng.integers(low, high, spatial))  # noqa: E731
    padding = tuple((int(a), int(b)) for a, b in m.rng.integers(0, 3, (spatial, 2)))
    options = {"input_dilation": some(1, 3), "kernel_dilation": some(1, 3)}
    return conv.conv_general(
        elementwise.tanh(x) if m.chance(0.5) else x, w, strides=some(1, 3), padding=padding,
        groups=groups, **options,
    )  # fmt: skip


def _window(m: Maker) -> Tensor | tuple[Tensor, ...] | None:
    x = m.new_input(
        (m.batch, *(int(m.rng.integers(2, 9)) for _ in range(2)), m.size()), dtypes.float32
    )
    if 0 in m.concrete(x.shape):
        return None
    if m.chance(0.5):
        x = elementwise.add(x, 0.5)
    window = (1, *(int(v) for v in m.rng.integers(1, 4, 2)), 1)
    strides = (1, *(int(v) for v in m.rng.integers(1, 4, 2)), 1)
    low = tuple(
        (0, 0) if w == 1 else (int(m.rng.integers(0, w)), int(m.rng.integers(0, w))) for w in window
    )
    places = {"window": window, "strides": strides, "padding": low}
    kind = str(m.one_of(["sum", "max", "min", "pair"]))
    if kind != "pair":
        return pool.window_reduce(x, kind, **places)
    ones = (1,) * 4
    chosen = pool.build(pool.window_argmax_op, (x,), {**places, "dilation": ones})[0]
    top = pool.window_reduce(x, "max", **places)
    back = {**places, "dilation": ones, "shape": x.shape}
    spread = pool.build(pool.window_scatter_op, (elementwise.add(top, 1), chosen), back)[0]
    return top, spread


def _gather(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0)
    if x is None:
        return None
    axis = int(m.rng.integers(x.ndim))
    size = m.concrete(x.shape)[axis]
    if not size:
        return None
    places = m.new_input(tuple(m.size() for _ in range(int(m.rng.integers(0, 3)))), dtypes.int32)
    m.data[-1] = m.rng.integers(-size, size, m.data[-1].shape).astype(np.int32)
    return index.take(x, places, axis)


def _scatter(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0 and t.dtype.kind != "b")
    if x is None:
        return None
    axis = int(m.rng.integers(x.ndim))
    size = m.concrete(x.shape)[axis]
    if not size:
        return None
    places = m.new_input((m.size(),), dtypes.int64)
    m.data[-1] = m.rng.integers(-size, size, m.data[-1].shape)
    updates = m.new_input((*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]), x.dtype)
    op = m.one_of([index.scatter_add, index.scatter_set])
    base = leaf.uniform(x.shape, 0, x.dtype) if m.chance(0.4) else x
    return op(base, places, updates, axis)


def _sort(m: Maker) -> Tensor | tuple[Tensor, ...] | None:
    x = m.pick(lambda t: t.ndim > 0 and _is_exact(t))
    if x is None:
        return None
    if x.dtype.is_float:
        x = elementwise.round(x)  # ties, so that stability shows
    return (
        index.top_k(x, min(2, min(m.concrete(x.shape[-1:]))), -1)
        if (isinstance(x.shape[-1], int) and m.chance(0.3))
        else index.sort(x, int(m.rng.integers(x.ndim)), descending=m.chance(0.5))
    )


def _cumulative(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.ndim > 0 and t.dtype.is_float)
    if x is None:
        return None
    axis = int(m.rng.integers(x.ndim))
    if m.chance(0.3):
        return reduce.cummax(x, axis, reverse=m.chance(0.5))
    return reduce.cumsum(x, axis, reverse=m.chance(0.5), exclusive=m.chance(0.3))


def _random(m: Maker) -> Tensor | None:
    x = m.floating()
    if x is None:
        return None
    keep = elementwise.less(random.uniform(random.key(int(m.rng.integers(99))), x.shape), 0.7)
    return elementwise.where(keep, x, 0.0)


def _scan(m: Maker) -> Tensor | tuple[Tensor, ...] | None:
    xs = m.pick(lambda t: t.dtype is dtypes.float32 and t.ndim in (1, 2, 3))
    if xs is None:
        return None
    w = m.new_input((), dtypes.float32)
    start = leaf.zeros(xs.shape[1:])

    def step(carry: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        # A factor below 1, or differences of rounding would grow from turn to turn.
        factor = elementwise.mul(elementwise.tanh(w), 0.8)
        new = elementwise.tanh(elementwise.add(elementwise.mul(carry, factor), x))
        return new, elementwise.mul(new, 2.0)

    last, stacked = control.scan(step, start, xs, reverse=m.chance(0.5))
    return last, stacked


def _cond(m: Maker) -> Tensor | None:
    x = m.pick(lambda t: t.dtype is dtypes.float32)
    if x is None:
        return None
    flag = m.new_input((), dtypes.bool_)
    return control.cond(
        flag, lambda a: elementwise.add(a, 1.0), lambda a: elementwise.mul(a, 0.5), x
    )


STEPS: dict[str, Callable[[Maker], Tensor | tuple[Tensor, ...] | None]] = {
    "unary": _unary, "unary2": _unary, "binary": _binary, "binary2": _binary, "binary3": _binary,
    "where": _where, "cast": _cast, "reduce": _reduce, "reduce2": _reduce, "arg": _arg,
    "softmax": _softmax, "normalise": _normalise, "transpose": _transpose, "reshape": _reshape,
    "slice": _slice, "pad": _pad, "concat": _concat, "flip": _flip, "matmul": _matmul,
    "matmul2": _matmul, "conv": _conv, "window": _window, "gather": _gather, "scatter": _scatter,
    "sort": _sort, "cumulative": _cumulative, "random": _random, "scan": _scan, "cond": _cond,
}  # fmt: skip
