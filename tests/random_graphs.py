"""Random graphs over all families of ops, and values for their inputs; the same for one seed.

Steps that jump (comparisons, rounding) are kept away from 0 and whole numbers, where what is equal
for real numbers may fall on either side.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from graphc import dtypes
from graphc.ir.dim import Dim
from graphc.ir.graph import Graph, graph
from graphc.ir.mode import build, inside_region
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
    reduce,
)
from graphc.ops import random as bits

BATCH = 3  # The value of the named size n in `feeds_for`.


def random_graph(seed: int, steps: int = 12) -> Graph:
    """A graph of about three nodes per step, ending in a few outputs."""
    rng = random.Random(seed)
    kinds = [dtypes.float32, dtypes.float32, dtypes.float64]
    x = leaf.placeholder(("n", 4), rng.choice(kinds), name="x")
    image = leaf.placeholder(("n", 5, 5, 2), name="image")
    attrs = {"name": "kernel", "shape": (4, 4), "dtype": x.dtype}
    w = build(leaf.variable_op, (), attrs)[0]
    pool_ = [x, image, w, leaf.constant([[0.5, -1.5, 0.0, 2.0]])]
    inputs = pool_[:3]
    for _ in range(steps):
        made = rng.choice(STEPS)(rng, pool_)
        pool_.extend(made)
    count = rng.randint(1, 3)
    outputs = [pool_[-1], *(rng.choice(pool_[3:]) for _ in range(count))]
    return graph(list(dict.fromkeys(inputs)), outputs)


def feeds_for(given: Graph, seed: int) -> dict[Tensor, np.ndarray]:
    """Moderate numbers for every input."""
    rng = np.random.default_rng(seed)
    shapes = {t: tuple(s if isinstance(s, int) else BATCH for s in t.shape) for t in given.inputs}
    return {t: rng.uniform(-1.5, 1.5, s).astype(t.dtype.numpy) for t, s in shapes.items()}


# ---------------------------------------------------------------------------- choosing


def _some(rng: random.Random, tensors: list[Tensor], test: Callable[[Tensor], bool]) -> Tensor:
    """One that passes the test, else the first, which is a float matrix."""
    found = [t for t in tensors if test(t)]
    # Later tensors are deeper, so they are taken more often.
    return found[max(rng.randrange(len(found)), rng.randrange(len(found)))] if found else tensors[0]


def _float(rng: random.Random, tensors: list[Tensor], rank: int = 0) -> Tensor:
    return _some(rng, tensors, lambda t: t.dtype.is_float and t.ndim >= rank)


def _bounded(t: Tensor) -> Tensor:
    return elementwise.tanh(t)


def _off(t: Tensor) -> Tensor:
    return elementwise.add(t, 0.3173)


# ---------------------------------------------------------------------------- one step each

UNARY = ["neg", "abs", "sign", "floor", "sin", "cos", "tanh", "sigmoid", "erf", "expm1"]
UNARY += ["stop_gradient"]
INTEGER = ["add", "mul", "floor_divide", "remainder", "bitwise_and", "bitwise_xor", "maximum"]


def _unary(rng, tensors):
    x = _float(rng, tensors)
    op = rng.choice(
        [
            "neg",
            "abs",
            "sign",
            "floor",
            "sin",
            "cos",
            "tanh",
            "sigmoid",
            "erf",
            "expm1",
            "stop_gradient",
        ]
    )
    shifted = {"expm1": _bounded, "sign": _off, "floor": _off}.get(op, lambda t: t)(x)
    y = getattr(elementwise, op)(shifted)
    return [y, *([elementwise.sqrt(elementwise.abs(x))] if rng.random() < 0.2 else [])]


def _binary(rng, tensors):
    x = _float(rng, tensors)
    y = _some(rng, tensors, lambda t: t.dtype is x.dtype and t.shape == x.shape)
    if y.dtype is not x.dtype or y.shape != x.shape:
        y = x
    number = rng.choice([0, 1, -1, 2, 0.5, 3.0, -0.25])
    other = rng.choice([y, number, _bounded(y)])
    op = rng.choice(["add", "sub", "mul", "maximum", "minimum"])
    pair = (x, other) if rng.random() < 0.7 else (other, x)
    z = getattr(elementwise, op)(*pair)
    return [z, elementwise.div(z, elementwise.add(elementwise.abs(y), 1.0))][: rng.randint(1, 2)]


def _powers(rng, tensors):
    x = elementwise.add(elementwise.abs(_bounded(_float(rng, tensors))), 0.5)
    a = rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0, -0.5, 1.5])
    log = rng.choice([lambda: elementwise.log(x), lambda: elementwise.log(elementwise.exp(x))])
    ratio = elementwise.div(1.0, elementwise.add(1.0, elementwise.exp(-x)))
    return [rng.choice([elementwise.pow(x, a), log(), ratio])]


def _choose(rng, tensors):
    x = _float(rng, tensors)
    test = elementwise.less(x, rng.choice([0.0123, 0.26]))
    other = elementwise.equal(elementwise.round(_off(x)), 1.0)
    logic = rng.choice([elementwise.logical_and, elementwise.logical_or, elementwise.logical_xor])
    test = rng.choice([test, elementwise.logical_not(test), logic(test, other)])
    return [test, elementwise.where(test, x, rng.choice([x, 0.0, -x]))]


def _integers(rng, tensors):
    x = convert.cast(_off(elementwise.mul(_bounded(_float(rng, tensors)), 9.0)), rng.choice(
        [dtypes.int32, dtypes.int8, dtypes.int64]))  # fmt: skip
    op = rng.choice(
        ["add", "mul", "floor_divide", "remainder", "bitwise_and", "bitwise_xor", "maximum"]
    )
    y = getattr(elementwise, op)(x, rng.choice([1, 2, 3, 0]))
    return [y, convert.cast(y, dtypes.float32)]


def _cast(rng, tensors):
    x = _bounded(_float(rng, tensors))
    wide = convert.cast(convert.cast(x, dtypes.float64), dtypes.float32)
    return [rng.choice([wide, convert.cast(convert.cast(x, dtypes.float16), dtypes.float32)])]


def _reduction(rng, tensors):
    x = _float(rng, tensors, rank=1)
    axis = rng.choice([None, rng.randrange(x.ndim), tuple(range(rng.randint(1, x.ndim)))])
    op = rng.choice(
        [reduce.sum, reduce.mean, reduce.max, reduce.min, reduce.prod, reduce.logsumexp]
    )
    y = op(_bounded(x), axis, keepdims=rng.random() < 0.5)
    return [y, *([reduce.argmax(x, x.ndim - 1)] if rng.random() < 0.2 else [])]


def _centred(rng, tensors):
    x = _float(rng, tensors, rank=1)
    e = elementwise.exp(x - reduce.max(x, -1, keepdims=True))
    softmax = elementwise.div(e, reduce.sum(e, -1, keepdims=True))
    return [rng.choice([x - reduce.mean(x, 0, keepdims=True), softmax, elementwise.log(softmax)])]


def _cumulative(rng, tensors):
    x = _bounded(_float(rng, tensors, rank=1))
    axis, back = rng.randrange(x.ndim), rng.random() < 0.5
    return [rng.choice([reduce.cumsum, reduce.cummax, reduce.cumprod])(x, axis, reverse=back)]


def _moved(rng, tensors):
    x = _float(rng, tensors, rank=1)
    order = list(range(x.ndim))
    rng.shuffle(order)
    axis = rng.randrange(x.ndim)
    y = rng.choice([
        lambda: movement.transpose(x, order),
        lambda: movement.transpose(movement.transpose(x, order)),
        lambda: movement.expand_dims(x, axis),
        lambda: movement.squeeze(movement.expand_dims(x, axis), axis),
        lambda: movement.flatten(x),
        lambda: movement.flatten(x, axis),
        lambda: movement.flip(x, axis),
        lambda: movement.flip(movement.flip(x, axis)),
        lambda: convert.broadcast_to(x, (2, *x.shape)),
        lambda: reduce.sum(convert.broadcast_to(x, (2, *x.shape)), 0),
        lambda: convert.broadcast_to(movement.expand_dims(x, 0), (2, *x.shape)),
        lambda: movement.pad(x, [(1, 2)] * x.ndim, rng.choice([0, -1.5])),
        lambda: movement.pad(x, [(1, 0)] * x.ndim, interior=[1] * x.ndim),
        lambda: movement.concat([x, x, -x], axis),
        lambda: movement.slice_axis(movement.concat([x, -x], axis), axis, 0, x.shape[axis]),
        lambda: movement.stack([x, x], axis),
        lambda: movement.repeat(x, 2, axis),
    ])()  # fmt: skip
    return [y]


def _part(rng, tensors):
    x = _some(
        rng, tensors, lambda t: t.ndim > 0 and all(isinstance(s, int) and s > 2 for s in t.shape)
    )
    sizes = [s if isinstance(s, int) else 1 for s in x.shape]
    y = movement.slice_axes(x, [0] * x.ndim, sizes, [rng.randint(1, 2) for _ in sizes])
    return [movement.slice_axes(y, [0] * y.ndim, [1] * y.ndim) if rng.random() < 0.3 else y]


def _product(rng, tensors):
    x = _bounded(_float(rng, tensors, rank=1))
    k = x.shape[-1]
    w = elementwise.sin(leaf.iota((k, 3), 0, x.dtype) if isinstance(k, int) else x)
    if not isinstance(k, int):
        return [matmul.dot_general(x, w, (range(x.ndim), range(x.ndim)))]
    return [rng.choice([
        lambda: matmul.matmul(x, w),
        lambda: matmul.dot_general(movement.transpose(w), x, ([1], [x.ndim - 1])),
        lambda: matmul.dot_general(x, x, ([x.ndim - 1], [x.ndim - 1]), ([0], [0])) if x.ndim > 1
        else x,
    ])()]  # fmt: skip


def _windows(rng, tensors):
    image = tensors[1]
    w = elementwise.cos(leaf.iota((3, 2, 2, 4), rng.randrange(4), dtypes.float32))
    padding = rng.choice([((0, 0), (0, 0)), ((1, 1), (0, 2))])
    y = conv.conv_general(image, w, strides=(1, rng.randint(1, 2)), padding=padding)
    scaled = elementwise.mul(y, convert.broadcast_to(leaf.constant([1.0, 2.0, 0.5, -1.0]), y.shape))
    window = {"window": (1, 2, 2, 1), "strides": (1, 2, 2, 1), "padding": ((0, 0),) * 4}
    return [y, scaled, pool.window_reduce(image, rng.choice(["max", "sum"]), **window)]


def _places(rng, tensors):
    x = _some(rng, tensors, lambda t: t.dtype.is_float and t.ndim > 0 and t.shape[-1] == 4)
    at = leaf.constant([0, 3, -1])
    y = index.gather(x, at, x.ndim - 1)
    values = index.sort(x, descending=rng.random() < 0.5)
    return [rng.choice([y, values, index.argsort(x), index.scatter_add(x, at, y, x.ndim - 1)])]


def _noise(rng, tensors):
    x = _float(rng, tensors)
    keep = bits.bernoulli(bits.key(rng.randrange(99)), x.shape, 0.5)
    return [elementwise.where(keep, elementwise.mul(x, 2.0), 0.0)]


def _numbers(rng, tensors):
    x = tensors[0]
    n: int | Dim = x.shape[0]
    size = leaf.size_of(n, dtypes.float32)
    folded = elementwise.add(
        elementwise.mul(leaf.full((2, 3), 1.5), 2.0), leaf.constant([1.0, 2.0, 3.0])
    )
    return [rng.choice([size, folded, leaf.iota((n, 2), 0, dtypes.float32)])]


def _scan(rng, tensors):
    x = _bounded(_float(rng, tensors, rank=2))
    start = leaf.zeros(x.shape[1:], x.dtype)
    number = elementwise.sin(reduce.sum(x))

    def step(carry, row):
        total, unused = carry
        new = _bounded(elementwise.add(total, elementwise.mul(row, number)))
        return (new, elementwise.add(unused, 1.0)), (
            elementwise.mul(new, 2.0),
            elementwise.exp(row),
        )

    (last, _), (rows, more) = control.scan(
        step, (start, leaf.zeros(())), x, reverse=rng.random() < 0.5
    )
    return [last, rng.choice([rows, more])]


def _recurrent(rng, tensors):
    x = tensors[0]
    w = elementwise.sin(leaf.iota((4, 3), 1, x.dtype))
    u = elementwise.cos(leaf.iota((3, 3), 0, x.dtype))
    rows = movement.reshape(x, (x.shape[0], 1, 4))

    def step(state, row):
        inner = elementwise.add(matmul.matmul(row, w), matmul.matmul(state, u))
        return elementwise.tanh(inner), state

    last, states = control.scan(step, leaf.zeros((1, 3), x.dtype), rows)
    return [last, states]


def _branches(rng, tensors):
    x = _float(rng, tensors)
    y = _bounded(x)
    test = elementwise.less(reduce.sum(x), 0.0871)
    if rng.random() < 0.5:
        return [control.cond(test, lambda a: a * y, lambda a: a - 1.0, x)]
    less = lambda c: elementwise.less(c[0], 3.0)  # noqa: E731
    return [
        control.while_loop(less, lambda c: (c[0] + 1.0, c[1] * 0.5 + y), (leaf.zeros(()), x))[1]
    ]


def _call(rng, tensors):
    x, y = _float(rng, tensors), _bounded(_float(rng, tensors))
    with inside_region():
        a, b = leaf.parameter(0, 0, x.type), leaf.parameter(0, 1, y.type)
        body = graph([a, b], [elementwise.sin(a), elementwise.add(b, b)])
    attrs = {"body": body, "backward": None}
    return list(build(control.call_op, (x, y), attrs))


STEPS = (
    _unary, _unary, _binary, _binary, _binary, _powers, _choose, _integers, _cast, _reduction,
    _reduction, _centred, _cumulative, _moved, _moved, _part, _product, _windows, _places, _noise,
    _numbers, _scan, _recurrent, _branches, _call,
)  # fmt: skip
