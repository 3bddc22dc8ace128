"""Work on numbers that are known while compiling is done while compiling."""

from __future__ import annotations

import math

import numpy as np

from graphc.dtypes import Number, as_dtype
from graphc.errors import GraphcError
from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.literal import Literal
from graphc.ir.mode import Evaluate
from graphc.ir.node import Node, Tensor, apply
from graphc.ops.leaf import constant, constant_op, full_op, uniform
from graphc.provenance import building_for

from .options import Options
from .regions import everywhere, is_region

LARGEST = 4096  # elements of a folded array; larger ones cost more to load than to compute


def fold_constants(given: Graph, options: Options) -> Graph:
    """Nodes of constants become constants, of uniform tensors uniform tensors.

    exp(full(0.0))                     ->  full(1.0)
    add(constant([1, 2]), full(3))     ->  constant([4, 5])
    """
    evaluate = options.evaluate
    if evaluate is None:
        return given
    return everywhere(given, lambda part: _folded(part, evaluate))


def _folded(given: Graph, evaluate: Evaluate) -> Graph:
    largest = 1 if is_region(given) else LARGEST

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if not inputs or any(t.node.op not in (constant_op, full_op) for t in inputs):
            return None
        if "control" in node.op.traits:
            return None
        with building_for(node.source):
            fresh = apply(node.op, inputs, node.attrs)
            return _uniform(fresh, evaluate) or _arrays(fresh, evaluate, largest)

    outputs = rewrite(given.outputs, replace)
    same = all(a is b for a, b in zip(outputs, given.outputs))
    return given if same else graph(given.inputs, outputs)


def _uniform(node: Node, evaluate: Evaluate) -> tuple[Tensor, ...] | None:
    """An elementwise op of uniform tensors, whose shape need not be known."""
    is_pointwise = "elementwise" in node.op.traits or node.op.name == "cast"
    if not is_pointwise or any(t.node.op is not full_op for t in node.inputs):
        return None
    scalars = tuple(uniform((), _number(t), t.dtype) for t in node.inputs)
    small = apply(node.op, scalars, node.attrs)
    (value,) = evaluate(small, [_array(t) for t in scalars])
    return (uniform(node.types[0].shape, _as_number(value), node.types[0].dtype),)


def _arrays(node: Node, evaluate: Evaluate, largest: int) -> tuple[Tensor, ...] | None:
    sizes = [s for t in (*node.inputs, *node.outputs) for s in t.shape]
    if not all(isinstance(s, int) for s in sizes):
        return None
    if any(math.prod(t.shape) > largest for t in (*node.inputs, *node.outputs)):  # pyright: ignore
        return None
    try:
        values = evaluate(node, [_array(t) for t in node.inputs])
    except GraphcError:
        return None  # What is wrong with these values is said when the function runs.
    return tuple(_tensor(np.asarray(v)) for v in values)


def _tensor(value: np.ndarray) -> Tensor:
    dtype = as_dtype(value.dtype)
    if value.size and value.tobytes() == value.ravel()[:1].tobytes() * value.size:
        return uniform(value.shape, _as_number(value.ravel()[0]), dtype)
    return constant(value)


def _array(t: Tensor) -> np.ndarray:
    value = t.node.attrs["value"]
    if isinstance(value, Literal):
        return value.array
    return np.full([s for s in t.shape if isinstance(s, int)], _number(t), t.dtype.numpy)


def _number(t: Tensor) -> Number:
    return t.node.attrs["value"]  # pyright: ignore[reportReturnType]


def _as_number(value: np.ndarray | np.generic) -> Number:
    kind = as_dtype(value.dtype).kind
    return {"b": bool, "f": float}.get(kind, int)(value)
