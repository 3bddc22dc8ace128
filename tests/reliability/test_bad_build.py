"""What cannot be built is refused while building, at the user's line."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import (
    ArgumentError,
    DifferentiationError,
    DTypeError,
    ModeError,
    OutOfRangeError,
    ShapeError,
    UnknownNameError,
)

from .refusal import refused

x = gx.placeholder((None, 3), name="x")
z = gx.placeholder((4, 5), name="z")
n = gx.placeholder((None,), "int32", name="n")
image = gx.placeholder((None, None, None, 3), name="image")
v = gx.variable(np.zeros((2, 2), np.float32), name="built_v")
small = gx.zeros((1, 2, 2, 3))
taps = gx.zeros((3, 3, 3, 2))
scan, cond, total = gx.scan, gx.cond, gx.sum(z)

# fmt: off
EXPRESSIONS = [
    # ---- shapes and axes
    (lambda: x + z,                                      ShapeError,    "shapes do not fit"),
    (lambda: gx.add(z, [1, 2]),                          ShapeError,    "shapes do not fit"),
    (lambda: x @ z,                                      ShapeError,    "inner sizes"),
    (lambda: gx.reshape(z, (3, 7)),                      ShapeError,    "number of elements"),
    (lambda: gx.reshape(z, (-1, 7)),                     ShapeError,    "cannot be worked out"),
    (lambda: gx.reshape(z, (-1, -1)),                    ShapeError,    "at most one size"),
    (lambda: gx.transpose(z, (0, 0)),                    ShapeError,    "order of all axes"),
    (lambda: gx.concat([z, x], 0),                       ShapeError,    "differ elsewhere"),
    (lambda: gx.concat([], 0),                           ArgumentError, "nothing to concatenate"),
    (lambda: gx.sum(z, axis=2),                          ShapeError,    "no such axis"),
    (lambda: gx.sum(z, axis=(0, 0)),                     ShapeError,    "named twice"),
    (lambda: gx.squeeze(z, 0),                           ShapeError,    "size 1"),
    (lambda: gx.broadcast_to(z, (3, 4)),                 ShapeError,    "cannot be broadcast"),
    (lambda: gx.einsum("ij,jk", z, z),                   ShapeError,    "contracted axes"),
    (lambda: gx.einsum("i!j", z),                        ArgumentError, "not an einsum equation"),
    (lambda: gx.split(z, 3, axis=0),                     ShapeError,    "no equal parts"),
    (lambda: gx.where(gx.zeros((2,), "bool"), z, z),     ShapeError,    "shapes do not fit"),
    (lambda: gx.nn.conv2d(z, z),                         ShapeError,    "2 spatial axes"),
    (lambda: gx.nn.conv2d(image, gx.zeros((3, 3, 4, 2))), ShapeError,   "channels"),
    (lambda: gx.nn.conv2d(small, taps),                  ShapeError,    "longer than the padded"),
    (lambda: gx.nn.max_pool(small, 3),                   ShapeError,    "longer than the padded"),
    (lambda: len(x),                                     ShapeError,    "no length is known"),
    # ---- numbers out of their range
    (lambda: gx.placeholder((-1, 3)),                    ShapeError,    "not a size"),
    (lambda: gx.placeholder((2.5,)),                     ShapeError,    "not a size"),
    (lambda: gx.full((2, -2), 1.0),                      ShapeError,    "not a size"),
    (lambda: gx.tile(z, (2, -1)),                        ShapeError,    "not a size"),
    (lambda: gx.eye(-1),                                 ShapeError,    "not a size"),
    (lambda: gx.pad(z, ((-9, 1), (0, 0))),               ArgumentError, "never negative"),
    (lambda: gx.top_k(z, 9),                             ArgumentError, "at most the size"),
    (lambda: gx.arange(0, 9, 0),                         ArgumentError, "step of a range"),
    (lambda: z[0:9:0],                                   ArgumentError, "not a slice"),
    (lambda: z["a":],                                    ArgumentError, "not a slice"),
    (lambda: z[4],                                       OutOfRangeError, "outside its axis"),
    (lambda: z[:, -6],                                   OutOfRangeError, "outside its axis"),
    (lambda: z[0, 0, 0],                                 ShapeError,    "more indices than axes"),
    (lambda: n + 2**40,                                  ArgumentError, "does not fit into int32"),
    (lambda: gx.nn.conv2d(image, taps, strides=0),       ArgumentError, "strides"),
    (lambda: gx.nn.conv2d(image, taps, padding="odd"),   ArgumentError, "not a padding"),
    (lambda: gx.nn.max_pool(image, 0),                   ArgumentError, "pool_size"),
    (lambda: gx.layers.Dense(-1),                        ArgumentError, "units"),
    # ---- dtypes and things that are no numbers
    (lambda: z["a"],                                     DTypeError,    "not an index"),
    (lambda: z[1.5],                                     DTypeError,    "not an index"),
    (lambda: gx.take(z, 1.5),                            DTypeError,    "integer tensor"),
    (lambda: gx.bitwise_and(z, z),                       DTypeError,    "not defined for float32"),
    (lambda: gx.placeholder((2,), "complex64"),          DTypeError,    "not a dtype of numbers"),
    (lambda: gx.placeholder((2,), None),                 DTypeError,    "not a dtype of numbers"),
    (lambda: gx.placeholder((2,), name=3),               ArgumentError, "is a text"),
    (lambda: gx.placeholder(("n-1",)),                   ShapeError,    "ASCII identifier"),
    (lambda: gx.cast(z, "string"),                       DTypeError,    "not a dtype of numbers"),
    (lambda: z + "a",                                    DTypeError,    "not an array of numbers"),
    (lambda: z + None,                                   DTypeError,    "not an array of numbers"),
    (lambda: z + 1j,                                     DTypeError,    "not an array of numbers"),
    (lambda: gx.constant([[1, 2], [3]]),                 DTypeError,    "not an array of numbers"),
    (lambda: gx.constant([10**30]),                      DTypeError,    "not an array of numbers"),
    (lambda: gx.constant(np.array(["2020"], "M8[D]")),   DTypeError,    "not an array of numbers"),
    (lambda: gx.variable("abc"),                         DTypeError,    "not an array of numbers"),
    (lambda: v.assign([1, 2, 3]),                        ShapeError,    "does not fit the var"),
    (lambda: v.assign(np.zeros((2, 2), "c8")),           DTypeError,    "not an array of numbers"),
    (lambda: v.assign(z),                                ModeError,     "has no value"),
    (lambda: bool(z > 0),                                ModeError,     "has no truth value"),
    (lambda: np.asarray(z),                              ModeError,     "has no value"),
    # ---- control and derivatives
    (lambda: cond(z, lambda: z, lambda: z),              DTypeError,    "a bool scalar"),
    (lambda: cond(total > 0, lambda: z, lambda: x),      ShapeError,    "change their types"),
    (lambda: scan(lambda c, r: (c + r.sum(), r), gx.zeros((), "int32"), z),
                                                         ShapeError,    "change their types"),
    (lambda: gx.while_loop(lambda a: a, lambda a: a, gx.zeros(())), DTypeError, "a bool scalar"),
    (lambda: gx.grad(z, z),                              DifferentiationError, "of one number"),
    (lambda: gx.grad(total, n),                          DifferentiationError, "tensor of floats"),
]

FUNCTIONS = [
    (lambda: gx.function(x, z),                          UnknownNameError, "not among its inputs"),
    (lambda: gx.function([x, x], x),                     ArgumentError, "two inputs .* called x"),
    (lambda: gx.function([x, gx.placeholder((2,), name="x")], x), ArgumentError, "two inputs"),
    (lambda: gx.function([x, z * 2], x),                 ArgumentError, "is no placeholder"),
    (lambda: gx.function([v], v * 2),                    ArgumentError, "is no placeholder"),
    (lambda: gx.function("x", x),                        ArgumentError, "is no placeholder"),
    (lambda: gx.function(None, x),                       ArgumentError, "a placeholder or a list"),
    (lambda: gx.function(x, "a"),                        DTypeError,    "output .* is no tensor"),
    (lambda: gx.function(x, [x, {"y": 3}]),              DTypeError,    "output .* is no tensor"),
    (lambda: gx.function(x, x, name=3),                  ArgumentError, "is a text"),
    (lambda: gx.function(gx.placeholder((2, 2), name="built_v"), v), ArgumentError, "both called"),
    (lambda: gx.function(x, x, updates={x: x}),          DTypeError,    "variables to tensors"),
    (lambda: gx.function(x, x, updates={v: 1.0}),        DTypeError,    "variables to tensors"),
    (lambda: gx.function(x, x, updates=3),               ArgumentError, "dict or pairs"),
    (lambda: gx.function(x, x, updates={v: x}),          ShapeError,    "another shape"),
    (lambda: gx.function(x, x, updates={v: gx.zeros((2, 2), "i4")}), DTypeError, "another dtype"),
    (lambda: gx.function(x, x, updates=[(v, v + 1), (v, v)]), ArgumentError, "updated twice"),
    (lambda: gx.function(x, x, target="abacus"),         UnknownNameError, "no such target"),
    (lambda: gx.function(x, x, disable=["luck"]),        UnknownNameError, "no pass of that name"),
    (lambda: gx.settings(debug=99).__enter__(),          ArgumentError, "does not take this value"),
    (lambda: gx.settings(luck=1).__enter__(),            ArgumentError, "no such switch"),
    (lambda: gx.jit(lambda a: 1 if a > 0 else 2)(1.0),   ModeError,     "has no truth value"),
    (lambda: gx.jit(lambda a: "text")(1.0),              DTypeError,    "not an array of numbers"),
    (lambda: gx.jit(lambda a: a)("text"),                DTypeError,    "not an array of numbers"),
]
# fmt: on


@pytest.mark.parametrize(("build", "error", "words"), EXPRESSIONS)
def test_an_expression_is_refused_where_it_is_written(build, error, words):
    refused(build, error, words)


@pytest.mark.parametrize(("build", "error", "words"), FUNCTIONS)
def test_a_function_is_refused_before_it_is_compiled(build, error, words):
    refused(build, error, words)
    assert v.numpy().tolist() == [[0, 0], [0, 0]]


def test_the_line_is_that_of_the_expression_not_of_the_function():
    a = gx.placeholder((2,), name="a")
    missing = gx.placeholder((2,), name="missing")  # the line that is named
    with pytest.raises(UnknownNameError) as caught:
        gx.function(a, a + missing)
    assert 'missing = gx.placeholder((2,), name="missing")' in str(caught.value)


# ---------------------------------------------------------------------------- odd but meant


def test_no_outputs_no_inputs():
    assert gx.function(x, [])(np.ones((2, 3))) == []
    assert gx.function(x, None)(np.ones((2, 3))) is None
    assert gx.function([], {"one": gx.ones((2,))})()["one"].tolist() == [1, 1]
    assert gx.function([], [])() == []


def test_no_outputs_but_an_update():
    w = gx.variable(np.zeros(3, np.float32), name="only_updated")
    f = gx.function(x, [], updates={w: w + gx.sum(x, axis=0)})
    f(np.ones((4, 3)))
    f(np.ones((2, 3)))
    assert w.numpy().tolist() == [6, 6, 6]


def test_an_output_that_is_an_input_and_an_output_twice():
    f = gx.function([x], [x, x * 2, x, x * 2])
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    results = f(a)
    for got, want in zip(results, [a, a * 2, a, a * 2], strict=True):
        np.testing.assert_array_equal(got, want)
    results[0][:] = results[1][:] = -1
    assert a.min() == 0, "results share no memory with inputs"
    assert results[2].min() == results[3].min() == 0, "results share no memory with each other"


def test_an_update_that_changes_nothing_and_two_that_change_places():
    a, b = (gx.variable(np.full(2, k, np.float32), name=f"turn_{k}") for k in (1.0, 2.0))
    same = gx.function([], a, updates={a: a})
    assert same().tolist() == [1, 1]
    turn = gx.function([], [a, b], updates={a: b, b: a})
    assert [r.tolist() for r in turn()] == [[1, 1], [2, 2]], "outputs are of before the call"
    assert [a.numpy().tolist(), b.numpy().tolist()] == [[2, 2], [1, 1]]
    result = gx.function([], a)()
    result[:] = 9
    assert a.numpy().tolist() == [2, 2], "results share no memory with variables"


def test_a_variable_lives_as_long_as_a_function_uses_it():
    w = gx.variable(np.ones(2, np.float32), name="short_lived")
    count = gx.function([], w, updates={w: w + 1})
    del w
    other = gx.variable(np.full(2, 7, np.float32), name="short_lived")
    assert [count().tolist() for _ in range(3)] == [[1, 1], [2, 2], [3, 3]]
    assert other.numpy().tolist() == [7, 7]
