"""With unknown sizes the inferred shapes, evaluated, are those of known sizes; values agree too.

One case per line: a function of inputs, and their shapes in the sizes a, b, c. Every primitive must
occur in at least one case.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate
from graphc.errors import FeedError
from graphc.ir import dim
from graphc.ir.graph import topological
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor
from graphc.ops import (
    FAMILIES,
    control,
    conv,
    convert,
    index,
    leaf,
    matmul,
    movement,
    nn,
    numeric,
    pool,
    random,
    reduce,
)
from graphc.ops import elementwise as op

from .values import numbers

Shapes = tuple[tuple[int | str, ...], ...]
KEY = random.key(3)


def every_elementwise(o: Op) -> Callable[..., Tensor]:
    """The op on inputs made fit for it; all of them accept one of bool, int32 and float32."""
    kinds = op.KINDS[o]
    dtype = "float32" if "f" in kinds else "int32" if "i" in kinds else "bool"
    count = len(op.DOMAINS[o].intervals)

    def run(x: Tensor, y: Tensor) -> Tensor:
        given = [convert.cast(op.abs(t) + 1.0, dtype) for t in (x, y, x * y)[:count]]
        given[0] = convert.cast(given[0], "bool") if o is op.where else given[0]
        return o(*given)

    return run


def scan(x: Tensor) -> list[Tensor]:
    total, rows = control.scan(lambda c, row: (c + row, c * row), leaf.zeros(x.shape[1:]), x)
    return [total, rows]


def pooled(x: Tensor) -> list[Tensor]:
    attrs = {"window": (1, 3), "strides": (1, 2), "padding": ((0, 0), (1, 1)), "dilation": (1, 1)}
    places = build(pool.window_argmax_op, (x,), attrs)[0]
    best = build(pool.window_gather_op, (x, places), attrs)[0]
    return [best, build(pool.window_scatter_op, (best, places), {"shape": x.shape, **attrs})[0]]


def called(x: Tensor) -> tuple[Tensor, ...]:
    body, _ = control.trace(lambda t: [t + 1, t.sum(0)], [x.type])
    return build(control.call_op, (x,), {"body": body, "backward": None})


def branches(x: Tensor) -> Tensor:
    return control.cond(x.sum() > 0, lambda t: t * 2, lambda t: t - 1, x)


def halved(x: Tensor) -> Tensor:
    return control.while_loop(lambda t: reduce.max(op.abs(t)) > 1, lambda t: t / 2, x)


def convolved(x: Tensor, w: Tensor) -> Tensor:
    return conv.conv_general(
        x, w, strides=(2,), padding=((2, 1),), input_dilation=(2,), kernel_dilation=(3,), groups=2
    )


PLACES = leaf.constant([0, -1, 0])
# fmt: off
CASES: list[tuple[Callable[..., Tensor | list[Tensor]], Shapes]] = [
    *((every_elementwise(o), (("a", "b"), ("a", "b"))) for o in op.DOMAINS),
    (lambda x, y: x + y,                            (("a", "b"), ("b",))),
    (lambda x, y: x * y,                            (("a", "b"), ("a", 1))),
    (lambda x: convert.cast(op.stop_gradient(x), "int8"), (("a",),)),
    (lambda x: leaf.iota((x.shape[0] + 1, 2), 0),   (("a", "b"),)),
    (lambda x: leaf.size_of(x.size),                (("a", "b"),)),
    (lambda x: leaf.full((x.shape[1], 3), 2),       (("a", "b"),)),
    *((lambda x, f=f: [f(x), f(x, 0), f(x, (0, 1), keepdims=True)], (("a", "b"),))
      for f in (reduce.sum, reduce.prod, reduce.max, reduce.min, reduce.mean, reduce.std)),
    *((lambda x, f=f: [f(x), f(x, 0), f(x, -1, keepdims=True)], (("a", "b"),))
      for f in (reduce.argmax, reduce.argmin)),
    *((lambda x, f=f: [f(x), f(x, 0, reverse=True)], (("a", "b"),))
      for f in (reduce.cumsum, reduce.cumprod, reduce.cummax, reduce.cummin)),
    (lambda x: reduce.logsumexp(x, 1),              (("a", "b"),)),
    (lambda x: movement.reshape(x, (-1, 3)),        (("a", "b", 6),)),
    (lambda x: movement.flatten(x, 1),              (("a", "b", "c"),)),
    (lambda x: movement.transpose(x),               (("a", "b", 3),)),
    (lambda x: movement.pad(x, [(1, 2), (0, 3)], 5, (2, 1)), (("a", "b"),)),
    (lambda x, y: movement.concat([x, y, x], 1),    (("a", "b"), ("a", "c"))),
    (lambda x: movement.flip(x, 0),                 (("a", "b"),)),
    (lambda x: x[1:, ::2],                          (("a", "b"),)),
    (lambda x: x[:-1, -1],                          (("a", "b"),)),
    (lambda x: movement.tile(x, (2, 3)),            (("a", "b"),)),
    (lambda x: movement.repeat(x, 3, 1),            (("a", "b"),)),
    (lambda x: movement.roll(x, 1, 0),              (("a", "b"),)),
    (lambda x: movement.stack([x, x], -1),          (("a", "b"),)),
    (matmul.matmul,                                 (("a", "b"), ("b", "c"))),
    (matmul.matmul,                                 (("a", 4, "b"), ("a", "b", 3))),
    (matmul.outer,                                  (("a",), ("b",))),
    (lambda x, y: matmul.einsum("ij,kj->ik", x, y), (("a", "b"), ("c", "b"))),
    (convolved,                                     (("a", "c", 4), (2, 2, 6))),
    (lambda x, w: nn.conv2d(x, w, 2, "same"),       (("a", "b", "c", 3), (3, 2, 3, 4))),
    (lambda x, w: nn.conv2d(x, w, 1, "valid"),      (("a", "b", "c", 3), (2, 2, 3, 4))),
    (lambda x, w: nn.conv_transpose2d(x, w, 2, "same"), (("a", "b", "c", 3), (3, 3, 4, 3))),
    (lambda x, w: nn.depthwise_conv1d(x, w, 1, "same"), (("a", "b", 3), (3, 3, 2))),
    (lambda x: nn.max_pool(x, 2),                   (("a", "b", "c", 3),)),
    (lambda x: nn.avg_pool(x, 3, 2, "same"),        (("a", "b", "c", 3),)),
    (lambda x: nn.global_avg_pool(x),               (("a", "b", "c", 3),)),
    (pooled,                                        (("a", "c"),)),
    (lambda x: index.take(x, PLACES),               (("a", "b"),)),
    (lambda x: index.gather(x, index.argsort(x), 1, 1), (("a", "b"),)),
    (lambda x: index.take_along_axis(x, index.argsort(x, 0), 0), (("a", "b"),)),
    (lambda x: index.scatter_add(x, PLACES, 1.0),   (("a", "b"),)),
    (lambda x: index.scatter_set(x, PLACES, 2.0, 1), (("a", "b"),)),
    (lambda x: index.sort(x, 0, descending=True),   (("a", "b"),)),
    (lambda x: index.one_hot(index.argsort(x), 3),  (("a", "b"),)),
    (lambda x: random.random_bits(KEY, x.shape),    (("a", "b"),)),
    (lambda x: nn.dropout(x, 0.5, KEY, (None, 1)),  (("a", "b"),)),
    (scan,                                          (("a", "b"),)),
    (halved,                                        (("a", "b"),)),
    (branches,                                      (("a", "b"),)),
    (called,                                        (("a", "b"),)),
    (lambda x: control.all_reduce(x),               (("a", "b"),)),
    (lambda x, y: control.after(x, y),              (("a", "b"), ("c",))),
    (lambda x: control.label(x, "x"),               (("a", "b"),)),
    (lambda x: [nn.softmax(x), nn.log_softmax(x, 0)], (("a", "b"),)),
    (lambda x: list(nn.batch_norm(x)),              (("a", "b", "c", 3),)),
    (lambda x: nn.layer_norm(x, axis=(1, 2)),       (("a", "b", "c"),)),
    (lambda x: nn.group_norm(x, groups=2),          (("a", "b", "c", 4),)),
    (lambda x: nn.local_response_norm(x, 1),        (("a", "b", "c"),)),
    (lambda x: nn.resize(x, 5),                     (("a", 3, 4, "b"),)),
    (lambda x: [numeric.tril(x), numeric.trace(x)], (("a", "b"),)),
    (lambda x: numeric.diff(x, 1, 0),               (("a", "b"),)),
    (lambda x: numeric.diag(x, 1),                  (("a",),)),
]
# fmt: on
SIZES = [{"a": 1, "b": 2, "c": 3}, {"a": 7, "b": 5, "c": 4}, {"a": 2, "b": 3, "c": 11}]


def as_list(result: Tensor | list[Tensor] | tuple[Tensor, ...]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def inputs_of(shapes: Shapes) -> list[Tensor]:
    return [leaf.placeholder(shape, name=f"input_{i}") for i, shape in enumerate(shapes)]


@pytest.mark.parametrize(("function", "shapes"), CASES)
def test_shapes_and_values_agree(function, shapes):
    inputs = inputs_of(shapes)
    outputs = as_list(function(*inputs))
    for sizes in SIZES:
        known = [tuple(sizes.get(s, s) for s in shape) for shape in shapes]
        arrays = [numbers(shape, seed=str(i)) for i, shape in enumerate(known)]
        others = inputs_of(known)
        wanted = as_list(function(*others))
        for symbolic, concrete in zip(outputs, wanted, strict=True):
            found = tuple(dim.evaluate(s, sizes) for s in symbolic.shape)
            assert found == concrete.shape
            assert symbolic.dtype is concrete.dtype
        pairs = zip(
            evaluate(outputs, dict(zip(inputs, arrays))),
            evaluate(wanted, dict(zip(others, arrays))),
        )
        for (found, exact), tensor in zip(pairs, wanted):
            assert found.shape == tensor.shape
            np.testing.assert_array_equal(found, exact)


def test_every_primitive_occurs():
    used = {
        node.op
        for function, shapes in CASES
        for node in topological(as_list(function(*inputs_of(shapes))))
    }
    missing = [o.name for family in FAMILIES.values() for o in family if o not in used]
    assert missing == []


EMPTY = [
    lambda x: x * 2 + 1,
    lambda x: reduce.sum(x, 0),
    lambda x: reduce.cumsum(x, 0),
    lambda x: movement.concat([x, x]),
    lambda x: matmul.matmul(x, leaf.ones((3, 2))),
    lambda x: matmul.matmul(movement.transpose(x), x),
    lambda x: nn.softmax(x),
    lambda x: nn.conv1d(movement.expand_dims(x, -1), leaf.ones((2, 1, 4))),
    lambda x: index.sort(x, 0),
    lambda x: random.random_bits(KEY, x.shape),
    scan,
]


@pytest.mark.parametrize("function", EMPTY)
def test_a_batch_of_nothing(function):
    x = leaf.placeholder((None, 3), name="x")
    outputs = as_list(function(x))
    for found, tensor in zip(evaluate(outputs, {x: np.zeros((0, 3))}), outputs):
        (name,) = dim.names_of(x.shape[0])
        assert found.shape == tuple(dim.evaluate(s, {name: 0}) for s in tensor.shape)


def test_sizes_that_were_taken_to_be_equal_are_compared():
    x, y = leaf.placeholder(("a",), name="x"), leaf.placeholder(("b",), name="y")
    total = x + y  # a and b meet here
    assert evaluate([total], {x: [1, 2], y: [3, 4]})[0].tolist() == [4, 6]
    with pytest.raises(FeedError, match="a and b meet here"):
        evaluate([total], {x: [1, 2], y: [3]})


def test_one_size_has_one_value():
    x, y = leaf.placeholder(("a", 2), name="x"), leaf.placeholder(("a",), name="y")
    for shapes in itertools.product([(3, 2), (4, 2)], [(3,), (4,)]):
        arrays = [np.zeros(s) for s in shapes]
        if shapes[0][0] == shapes[1][0]:
            assert evaluate([x + 1, y + 1], dict(zip((x, y), arrays)))[1].shape == shapes[1]
            continue
        with pytest.raises(FeedError, match="input y"):
            evaluate([x + 1, y + 1], dict(zip((x, y), arrays)))
