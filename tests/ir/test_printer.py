"""The printed form is a language: reading it back gives the same graph, broken text is refused."""

from __future__ import annotations

import contextlib
import math
import random

import ml_dtypes
import numpy as np
import pytest
from random_graphs import random_graph

from graphc import dtypes
from graphc.errors import ParseError
from graphc.ir.dim import floor_div, named
from graphc.ir.graph import Graph, graph
from graphc.ir.parser import parse
from graphc.ir.printer import show
from graphc.ops import control, elementwise, index, leaf, matmul, movement, reduce

n, m = named("n"), named("m")
NAMES = [
    "x",
    "",
    "a b",
    "it's",
    'a "b"',
    "%0",
    "@0)",
    "new\nline",
    "#",
    "= {",
    "}",
    "ß\u2028\\",
    "\x00",
]


@pytest.mark.parametrize("seed", range(150))
def test_parse_inverts_show(seed):
    g = random_graph(seed)
    assert parse(show(g)) is g
    assert parse(show(g, sources=True)) is g


def one(tensor) -> Graph:
    return graph([], [tensor])


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_read_back(name):
    g = one(leaf.placeholder((2,), name=name))
    assert parse(show(g)) is g


@pytest.mark.parametrize(
    "value", [0.0, -0.0, 1, -1, math.nan, math.inf, -math.inf, 1e300, 5e-324, 0.1, True, -(2**63)]
)
def test_any_number_can_be_read_back(value):
    kinds = {bool: dtypes.bool_, int: dtypes.int64, float: dtypes.float64}
    g = one(leaf.uniform((), value, kinds[type(value)]))
    assert parse(show(g)) is g


ARRAYS = [
    np.zeros((0, 3), np.float32),
    np.array(2.5, ml_dtypes.bfloat16),
    np.array([0.1, -0.0, np.inf, np.nan], np.float32),
    np.array([[0.1, 5.9604645e-08]], np.float16),
    np.array([0.1, 3.3895314e38], ml_dtypes.bfloat16),
    np.array([0x7FC00001, 0xFFC00000], np.uint32).view(np.float32),
    np.array([2**64 - 1, 0], np.uint64),
    np.array([-(2**63)], np.int64),
    np.array([[True], [False]]),
    np.arange(65, dtype=np.int8),
    np.linspace(0, 1, 200).reshape(2, 100),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_any_array_can_be_read_back(array):
    g = one(leaf.constant(array))
    assert parse(show(g)) is g


SIZES = [n, n * m + 1, floor_div(n + 1, 2), 2 * floor_div(n - m, 3) - n, floor_div(n, m) + 4]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_any_size_can_be_read_back(size):
    x = leaf.placeholder((size, "inf", "float32"), name="x")
    y = movement.slice_axis(x, 0, 0, size - 1)
    g = graph([x], [y, leaf.size_of(size), movement.pad(x, [(size, 0), (0, named("nan")), (0, 0)])])
    assert parse(show(g)) is g


def test_regions_inside_regions():
    def outer(carry, row):
        inner, _ = control.scan(lambda c, x: (c + x, None), carry, row)
        return control.cond(elementwise.less(inner, 1.0), lambda: inner, lambda: carry), None

    x = leaf.placeholder(("n", 5), name="x")
    total, _ = control.scan(outer, leaf.zeros(()), x)
    again, _ = control.scan(outer, leaf.ones(()), x)
    g = graph([x], [total, again])
    text = show(g)
    assert parse(text) is g
    assert text.count("= graph {") == 4, "a region is printed once"


def test_the_form():
    x = leaf.placeholder(("batch", 3), name="x")
    w = leaf.constant([[0.5], [0.25], [-1.0]])
    values, places = index._sort(matmul.matmul(x, w), 1, False)
    y = control.scan(lambda c, r: (c + r, None), leaf.zeros((1,)), values)[0]
    expected = """\
graph {
  inputs %0
  outputs %4, %6
  %0: float32[batch, 3] = placeholder(name='x')
  %1: float32[3, 1] = constant(value=array([[0.5], [0.25], [-1.0]]))
  %2: float32[batch, 1] = dot_general(%0, %1, batch=((), ()), contract=((1,), (0,)))
  %3, %4: float32[batch, 1], int32[batch, 1] = sort(%2, axis=1, descending=False)
  %5: float32[1] = full(value=0.0)
  @0 = graph {
    inputs %0, %1
    outputs %2
    %0: float32[1] = parameter(depth=0, index=0)
    %1: float32[1] = parameter(depth=0, index=1)
    %2: float32[1] = add(%0, %1)
  }
  %6: float32[1] = scan(%5, %3, body=@0, carries=1, length=batch, reverse=False, scanned=1)
}"""
    assert show(graph([x], [places, y])) == expected


def test_sources_are_comments():
    g = one(elementwise.exp(leaf.placeholder((), name="only_here")))
    assert "= exp(%0)  # test_printer.py:" in show(g, sources=True)


def test_long_chains():
    x = y = leaf.placeholder((), name="x")
    for _ in range(20_000):
        y = elementwise.sin(y)
    g = graph([x], [y])
    assert parse(show(g)) is g


GOOD = show(graph([], [reduce.sum(elementwise.exp(leaf.placeholder((2, 3), name="x")), 1)]))
BROKEN = [
    ("", "ends before"),
    ("graph {", "ends before"),
    (GOOD + "\nx", "after the end"),
    (GOOD.replace("graph {", "graph"), "line 1: a printed graph begins"),
    (GOOD.replace("exp", "exq"), "line 5: no op is called exq"),
    (GOOD.replace("exp(%0)", "exp(%7)"), "line 5: %7 is not defined above"),
    (GOOD.replace("exp(%0)", "exp(%0"), "line 5: not a list"),
    (GOOD.replace("exp(%0)", "exp(3)"), "line 5: not a tensor: 3"),
    (GOOD.replace("exp(%0)", "exp(%0, %0, axis=1)"), "line 5: attributes that the op does not"),
    (GOOD.replace("(1,)", "(5,)").replace("[2]", "[9]"), "line 6: the types are"),
    (GOOD.replace("axes=(1,)", "axes=f(1)"), "line 6: not a size"),
    (GOOD.replace("axes=(1,)", "axes=@0"), "line 6: @0 is not defined"),
    (GOOD.replace("axes=(1,)", "axes=__import__('os').system('true')"), "line 6: not a size"),
    (GOOD.replace("float32", "float33"), "line 4: not a type"),
    (GOOD.replace("%1:", "%0:"), "line 5: a name is used twice"),
    (GOOD.replace("name='x'", "name='x"), "line 4: not a list"),
]


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_broken_text_names_its_line(text, sentence):
    with pytest.raises(ParseError, match=sentence):
        parse(text)


@pytest.mark.parametrize("seed", range(300))
def test_changed_text_is_read_or_refused(seed):
    rng = random.Random(seed)
    text = list(show(random_graph(seed % 40, steps=6)))
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text))
        text[at : at + rng.randint(0, 2)] = rng.choice("%@(){}[]=,.:'1n \n-#\\")
    with contextlib.suppress(ParseError):
        assert isinstance(parse("".join(text)), Graph)
