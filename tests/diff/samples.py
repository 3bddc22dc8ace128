"""Calls of every op that is no elementwise op, with several attributes, at sizes 1 and primes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from graphc.diff.custom import custom_gradient
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor
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
    reduce,
)


@dataclass(frozen=True)
class Sample:
    """A call of an op; an input is a shape (filled with distinct numbers) or an array."""

    op: Op
    label: str
    call: Callable[..., object]
    inputs: tuple[object, ...]
    symbolic: bool = True
    values: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)
        for x in self.inputs:
            self.values.append(distinct(rng, x) if isinstance(x, tuple) else np.asarray(x))


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in [-1.6, 1.6], no two closer than 1e-3, so that no max or sort changes its order."""
    size = int(np.prod(shape))
    return rng.permutation(np.linspace(-1.6, 1.6, size + 2)[1:-1]).reshape(shape) + 0.013


SAMPLES: list[Sample] = []


def sample(op: Op, label: str, call: Callable[..., object], *inputs: object,
           symbolic: bool = True) -> None:  # fmt: skip
    SAMPLES.append(Sample(op, label, call, inputs, symbolic))


# ---------------------------------------------------------------------------- reduce
for _op, _call in ((reduce.sum_op, reduce.sum), (reduce.prod_op, reduce.prod),
                   (reduce.max_op, reduce.max), (reduce.min_op, reduce.min)):  # fmt: skip
    sample(_op, "all", _call, (2, 3, 5))
    sample(_op, "last", lambda x, f=_call: f(x, -1), (2, 7))
    sample(_op, "first", lambda x, f=_call: f(x, 0), (5, 1, 2))
    sample(_op, "two", lambda x, f=_call: f(x, (0, 2), keepdims=True), (2, 3, 5))
    sample(_op, "one", lambda x, f=_call: f(x, 1), (3, 1))
ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 0.7, 0.0], [1.1, 2.0, 0.5]])
sample(reduce.prod_op, "zeros", lambda x: reduce.prod(x, 1), ZEROS)
sample(reduce.cumprod_op, "zeros", lambda x: reduce.cumprod(x, 1), ZEROS)
for _reverse in (False, True):
    for _exclusive in (False, True):
        for _op, _call in (
            (reduce.cumsum_op, reduce.cumsum),
            (reduce.cumprod_op, reduce.cumprod),
        ):
            _way = {"reverse": _reverse, "exclusive": _exclusive}
            _label = f"reverse {_reverse} exclusive {_exclusive}"
            sample(_op, _label, lambda x, f=_call, w=_way: f(x, 1, **w), (2, 5, 3))
            sample(_op, _label + " one", lambda x, f=_call, w=_way: f(x, 0, **w), (1, 2))
    for _op, _call in ((reduce.cummax_op, reduce.cummax), (reduce.cummin_op, reduce.cummin)):
        sample(_op, f"reverse {_reverse}",
               lambda x, f=_call, r=_reverse: f(x, 1, reverse=r), (2, 7, 3))  # fmt: skip
        sample(_op, f"last {_reverse}", lambda x, f=_call, r=_reverse: f(x, -1, reverse=r), (5,))

# ---------------------------------------------------------------------------- movement
# fmt: off
sample(movement.reshape_op, "flat", lambda x: movement.reshape(x, (-1,)), (2, 3, 5))
sample(movement.reshape_op, "cut", lambda x: movement.reshape(x, (3, 2, 5)), (6, 5), symbolic=False)
sample(movement.reshape_op, "one", lambda x: movement.expand_dims(x, (0, 2)), (3, 2))
sample(movement.transpose_op, "turn", lambda x: movement.transpose(x, (2, 0, 3, 1)), (2, 3, 5, 1))
sample(convert.broadcast_to_op, "both", lambda x: convert.broadcast_to(x, (2, 3, 5, 4)), (3, 1, 4))
sample(convert.broadcast_to_op, "scalar", lambda x: convert.broadcast_to(x, (2, 3)), ())
sample(convert.broadcast_to_op, "ones", lambda x: convert.broadcast_to(x, (1, 3, 1)), (3, 1))
sample(movement.slice_op, "part", lambda x: movement.slice_axes(x, (1, 0), (4, 2)), (5, 3))
sample(movement.slice_op, "steps", lambda x: movement.slice_axes(x, (1, 0), (7, 5), (3, 2)), (7, 5))
sample(movement.slice_op, "none", lambda x: movement.slice_axes(x, (2,), (2,), (2,)), (5,))
sample(movement.slice_op, "index", lambda x: x[:, -1] * x[::-1, 0], (5, 3), symbolic=False)
sample(movement.pad_op, "around", lambda x: movement.pad(x, ((1, 2), (0, 3)), 0.5), (3, 2))
sample(movement.pad_op, "between", lambda x: movement.pad(x, ((1, 0), (0, 2)), 2.0, (2, 1)), (3, 5))
sample(movement.concat_op, "three", lambda a, b, c: movement.concat([a, b, c], 1),
       (2, 3), (2, 1), (2, 5))
sample(movement.concat_op, "twice", lambda a, b: movement.concat([a, b, a], 0), (2, 3), (1, 3))
sample(movement.concat_op, "some", lambda a: movement.concat([leaf.zeros((2, 3), "float64"), a]),
       (5, 3))
sample(movement.flip_op, "two", lambda x: movement.flip(x, (0, 2)), (2, 3, 5))

# ---------------------------------------------------------------------------- matmul
_dot = matmul.dot_general
sample(matmul.dot_general_op, "matrices", matmul.matmul, (2, 3), (3, 5))
sample(matmul.dot_general_op, "batched", matmul.matmul, (2, 1, 3, 5), (7, 5, 2))
sample(matmul.dot_general_op, "vectors", matmul.matmul, (5,), (5,))
sample(matmul.dot_general_op, "outer", matmul.outer, (3,), (5,))
sample(matmul.dot_general_op, "squared", lambda x: matmul.matmul(x, x), (3, 3), symbolic=False)
sample(matmul.dot_general_op, "first axes", lambda a, b: _dot(a, b, ((0,), (0,))), (3, 2), (3, 5))
sample(matmul.dot_general_op, "crossed", lambda a, b: _dot(a, b, ((3, 1), (0, 2)), ((0,), (3,))),
       (2, 3, 5, 7), (7, 1, 3, 2))
sample(matmul.dot_general_op, "batches",
       lambda a, b: _dot(a, b, ((1,), (2,)), ((2, 0), (0, 1))), (2, 3, 5, 1), (5, 2, 3))
sample(matmul.dot_general_op, "einsum", lambda a, b: matmul.einsum("bik,kjb->jbi", a, b),
       (2, 3, 5), (5, 1, 2))

# ---------------------------------------------------------------------------- conv
def _conv(label: str, x: tuple[int, ...], w: tuple[int, ...], strides: tuple[int, ...],
          padding: tuple[tuple[int, int], ...], symbolic: bool = False, **options: object) -> None:
    def call(a: Tensor, b: Tensor) -> Tensor:
        return conv.conv_general(a, b, strides=strides, padding=padding, **options)

    sample(conv.conv_op, label, call, x, w, symbolic=symbolic)


_conv("valid",        (2, 5, 5, 2), (3, 3, 2, 3), (1, 1), ((0, 0), (0, 0)))
_conv("same",         (1, 5, 4, 2), (3, 2, 2, 3), (1, 1), ((1, 1), (0, 1)))
_conv("stride",       (2, 7, 6, 1), (3, 2, 1, 2), (2, 3), ((1, 1), (0, 0)))
_conv("not dividing", (1, 8, 7, 1), (2, 3, 1, 1), (3, 3), ((0, 0), (0, 0)))
_conv("one by one",   (2, 3, 5, 3), (1, 1, 3, 2), (2, 2), ((0, 0), (0, 0)))
_conv("line",         (2, 7, 2),    (3, 2, 3),    (2,),   ((2, 1),))
_conv("volume",       (1, 3, 5, 4, 2), (2, 3, 2, 2, 2), (1, 2, 2), ((0, 1), (1, 1), (0, 0)))
_conv("dilated",      (1, 9, 8, 1), (3, 2, 1, 2), (2, 1), ((2, 1), (0, 0)), kernel_dilation=(2, 3))
_conv("transposed",   (2, 3, 4, 2), (3, 3, 2, 2), (1, 1), ((2, 1), (1, 2)), input_dilation=(2, 3))
_conv("everything",   (1, 5, 4, 1), (3, 2, 1, 2), (2, 3), ((1, 2), (3, 0)),
      input_dilation=(3, 2), kernel_dilation=(2, 3))
_conv("cropped",      (1, 7, 6, 1), (2, 2, 1, 2), (2, 1), ((-1, 0), (0, -2)))
_conv("wide padding", (1, 3, 3, 1), (2, 2, 1, 1), (1, 2), ((4, 3), (2, 5)))
_conv("groups",       (2, 5, 4, 6), (3, 2, 2, 9), (2, 1), ((1, 1), (0, 1)), groups=3)
_conv("depthwise",    (2, 5, 4, 3), (3, 3, 1, 3), (1, 1), ((1, 1), (1, 1)), groups=3)
_conv("batch groups", (6, 5, 4, 2), (2, 3, 2, 9), (2, 1), ((1, 0), (1, 1)), batch_groups=3)
_conv("unknown batch and image", (2, 7, 6, 3), (3, 3, 3, 2), (2, 1), ((1, 1), (0, 1)),
      symbolic=True)

# ---------------------------------------------------------------------------- pool
def _pool(label: str, x: tuple[int, ...], *, kinds: str = "sum max min", **places: object) -> None:
    for kind in kinds.split():
        sample(pool.window_reduce_op, f"{kind} {label}",
               lambda t, k=kind: pool.window_reduce(t, k, **places), x)
    if "input_dilation" in places:
        return
    full = {"dilation": (1,) * len(x), **places}

    def chosen(t: Tensor) -> Tensor:
        return build(pool.window_argmax_op, (t,), full)[0]

    sample(pool.window_gather_op, label,
           lambda t, u: build(pool.window_gather_op, (t, chosen(u)), full)[0], x, x)
    sample(pool.window_scatter_op, label, lambda u, t: build(
        pool.window_scatter_op, (pool.window_reduce(t, "sum", **places), chosen(u)),
        {"shape": t.shape, **full})[0], x, x)


_pool("plain",   (1, 4, 6, 2), window=(1, 2, 2, 1), strides=(1, 2, 2, 1), padding=((0, 0),) * 4)
_pool("overlap", (5, 7), window=(3, 2), strides=(1, 1), padding=((1, 1), (0, 1)))
_pool("rest",    (8, 7), window=(2, 3), strides=(3, 3), padding=((0, 0), (0, 0)))
_pool("dilated", (7, 9), window=(2, 3), strides=(2, 1), padding=((1, 0), (1, 2)), dilation=(3, 2))
_pool("holes",   (3, 4), window=(2, 3), strides=(1, 2), padding=((1, 1), (1, 2)),
      input_dilation=(2, 3))
_pool("one",     (1, 5), window=(1, 5), strides=(1, 1), padding=((0, 0), (0, 0)))

# ---------------------------------------------------------------------------- index
PLACES = np.array([[0, 2, 2], [-1, 0, 3]], np.int32)
TURNED = np.array([[3, 0], [1, 1], [-2, 3]], np.int64)
sample(index.gather_op, "first", lambda x, i: index.take(x, i), (5, 3), PLACES)
sample(index.gather_op, "last", lambda x, i: index.take(x, i, -1), (2, 3, 5), PLACES)
sample(index.gather_op, "batch", lambda x, i: index.gather(x, i, 2, 1), (3, 2, 5, 2), TURNED,
       symbolic=False)
sample(index.gather_op, "along", lambda x, i: index.take_along_axis(x, i, 0), (5, 3), PLACES)
for _op, _call in ((index.scatter_add_op, index.scatter_add),
                   (index.scatter_set_op, index.scatter_set)):
    sample(_op, "first", lambda x, i, u, f=_call: f(x, i, u), (5, 2), PLACES, (2, 3, 2))
    sample(_op, "middle", lambda x, i, u, f=_call: f(x, i, u, 1), (2, 5, 3), PLACES, (2, 2, 3, 3))
    sample(_op, "batch", lambda x, i, u, f=_call: f(x, i, u, 2, 1), (3, 2, 5, 2), TURNED,
           (3, 2, 2, 2), symbolic=False)
    sample(_op, "one place", lambda x, u, f=_call: f(x, leaf.constant(1), u), (3, 2), (2,))
sample(index.sort_op, "up", lambda x: index.sort(x), (3, 5))
sample(index.sort_op, "down", lambda x: index.sort(x, 0, descending=True), (7, 2))
sample(index.sort_op, "top", lambda x: index.top_k(x, 2, 1)[0], (2, 5, 3))

# ---------------------------------------------------------------------------- control
_all = control.all_reduce
for _kind in ("sum", "mean", "max", "min"):
    sample(control.all_reduce_op, _kind, lambda x, k=_kind: _all(x, k) * x, (3, 2))
sample(control.after_op, "", lambda x, y: elementwise.sin(control.after(x, y)) * y, (3, 2), (3, 2))
sample(control.label_op, "", lambda x: elementwise.sin(control.label(x, "x")) * x, (3, 2))
# fmt: on

tanh, sin, exp = elementwise.tanh, elementwise.sin, elementwise.exp


def _rnn(h: Tensor, w: Tensor, xs: Tensor, reverse: bool = False) -> list[Tensor]:
    def step(carry: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        new = tanh(matmul.matmul(carry, w) + x)
        return new, new * x

    return list(control.scan(step, h, xs, reverse=reverse))


def _decay(xs: Tensor) -> list[Tensor]:
    start = leaf.full((), 0.3, "float64")
    return list(control.scan(lambda c, x: (sin(c) * x, c * x), start, xs))


def _two_carries(a: Tensor, b: Tensor, xs: Tensor) -> list[Tensor]:
    """The second carry has a part in the first only one step later; a counter goes with them."""

    def step(c: tuple[Tensor, ...], x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        p, q, n = c
        return (p * q, sin(q) + x, n + 1), (p, convert.cast(n, "float64") * q)

    (p, _, _), ys = control.scan(step, (a, b, leaf.constant(0)), xs)
    return [p, *ys]


def _nested(h: Tensor, w: Tensor, xs: Tensor) -> list[Tensor]:
    def outer(c: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        def inner(d: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            new = tanh(d * w + x)
            return new, new * c

        last, ys = control.scan(inner, c, None, length=3)
        return last * 0.5, ys.sum(0)

    return list(control.scan(outer, h, xs))


def _with_pieces(h: Tensor, w: Tensor, xs: Tensor) -> list[Tensor]:
    """Branches, reductions, gathers and slices inside a body."""

    def step(c: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        kept = control.cond(c.sum() > 0, lambda: c * w, lambda: sin(c))
        top = index.sort(kept + x)
        return top, reduce.max(top, keepdims=True) * movement.slice_axis(w, 0, 0, 1)

    return list(control.scan(step, h, xs))


def _while(x: Tensor, w: Tensor) -> list[Tensor]:
    def body(c: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        i, a, b = c
        return i + 1, tanh(a * w) + b, b * 1.1

    _, a, b = control.while_loop(lambda c: c[0] < 4, body, (leaf.constant(0), x, x * 0.5))
    return [a, b * x]


def _grow(x: Tensor) -> Tensor:
    """How often the loop runs depends on the data."""
    (result,) = control.while_loop(
        lambda c: (c[0] * c[0]).sum() < 50, lambda c: (c[0] * 1.5,), (x,)
    )
    return result


def _cond(side: bool) -> Callable[..., Tensor]:
    def call(x: Tensor, w: Tensor) -> Tensor:
        test = (x * x).sum() > 0
        test = test if side else elementwise.logical_not(test)
        return control.cond(test, lambda t: sin(t) * w, lambda t: t * t, x)

    return call


def _call(x: Tensor, w: Tensor) -> list[Tensor]:
    region, captured = control.trace(lambda a: [sin(a) * w, a * a], [x.type])
    return list(build(control.call_op, (x, *captured), {"body": region, "backward": None}))


@custom_gradient
def _softplus(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    e = exp(x)
    return elementwise.log(1 + e), lambda ct: ct * e / (1 + e)


# fmt: off
_fixed = {"symbolic": False}
sample(control.scan_op, "rnn",         _rnn, (3,), (3, 3), (5, 3), **_fixed)
sample(control.scan_op, "reverse",     lambda h, w, xs: _rnn(h, w, xs, True), (3,), (3, 3), (5, 3),
       **_fixed)
sample(control.scan_op, "last only",   lambda *xs: _rnn(*xs)[0], (3,), (3, 3), (5, 3), **_fixed)
sample(control.scan_op, "rows only",   lambda *xs: _rnn(*xs)[1], (3,), (3, 3), (1, 3), **_fixed)
sample(control.scan_op, "two carries", _two_carries, (2,), (2,), (5, 2), **_fixed)
sample(control.scan_op, "nested",      _nested, (2,), (2,), (3, 2), **_fixed)
sample(control.scan_op, "pieces",      _with_pieces, (3,), (3,), (5, 3), **_fixed)
sample(control.scan_op, "unknown length", _decay, (5,))
sample(control.while_op, "counted", _while, (3,), (3,))
sample(control.while_op, "by data", _grow, (3,))
sample(control.cond_op, "then", _cond(True), (3,), (3,))
sample(control.cond_op, "else", _cond(False), (3,), (3,))
sample(control.call_op, "plain", _call, (3,), (3,))
sample(control.call_op, "custom", _softplus, (3,))
# fmt: on
