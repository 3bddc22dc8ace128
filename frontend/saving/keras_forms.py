"""What Keras calls an operation, and with what: one form per op, for `keras_between.py`.

A form gives the place of Keras's class, what is set when it is made, and what it is applied to.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import cast

from graphc.errors import NotSupportedError
from graphc.ir.dim import Shape, Size
from graphc.ir.node import Node, Tensor
from graphc.ops import convert
from graphc.ops.matmul import AxisPair

from .objects import Json

Table = dict[str, Json]
# (module in keras.src.ops, class), config, arguments.
Form = tuple[tuple[str, str], Table, list[Json]]

# Keras's class of each op whose inputs are its arguments, by module.
# fmt: off
PLAIN = {
    "numpy": {
        "add": "Add",                "sub": "Subtract",           "mul": "Multiply",
        "div": "TrueDivide",         "pow": "Power",              "maximum": "Maximum",
        "minimum": "Minimum",        "neg": "Negative",           "abs": "Absolute",
        "sign": "Sign",              "exp": "Exp",                "log": "Log",
        "sqrt": "Sqrt",              "sin": "Sin",                "cos": "Cos",
        "tanh": "Tanh",              "floor": "Floor",            "ceil": "Ceil",
        "log1p": "Log1p",            "expm1": "Expm1",            "where": "Where",
        "equal": "Equal",            "not_equal": "NotEqual",     "less": "Less",
        "less_equal": "LessEqual",   "greater": "Greater",        "greater_equal": "GreaterEqual",
        "logical_and": "LogicalAnd", "logical_or": "LogicalOr",   "logical_not": "LogicalNot",
        "floor_divide": "FloorDivide",
    },
    "nn": {"sigmoid": "Sigmoid"},
    "math": {"rsqrt": "Rsqrt", "erf": "Erf"},
    "core": {"stop_gradient": "StopGradient"},
}
REDUCED = {"sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod", "any": "Any", "all": "All"}
# fmt: on
PLACES = {op: (module, kind) for module, ops in PLAIN.items() for op, kind in ops.items()}


def form_of(node: Node, given: list[Json]) -> Form:
    """What Keras calls a node that is applied to these arguments.

    Raises:
        NotSupportedError: an op that Keras has not, or one for which Keras would not broadcast.
    """
    op = node.op.name
    if op not in FORMS:
        raise unknown(op)
    form = FORMS[op](node, given)
    shapes = [shape_in_keras(t) for t in node.inputs]
    if op in PLACES:
        whole = alike(convert.broadcast_shapes(*shapes), node.types[0].shape)
    else:
        kept = slice(-2, None) if form[0][1] == "Matmul" else slice(None)
        whole = all(alike(s[kept], t.shape[kept]) for s, t in zip(shapes, node.inputs))
    if not whole:
        raise unknown(f"{op} of an array that was broadcast")
    return form


def shape_in_keras(tensor: Tensor) -> Shape:
    """The shape of what stands for a tensor: it is not broadcast, and a number is a number."""
    if tensor.node.op.name == "full":
        return ()
    if tensor.node.op.name == "broadcast_to":
        return shape_in_keras(tensor.node.inputs[0])
    return tensor.shape


def alike(shape: Shape, other: Shape) -> bool:
    """Whether the known sizes are the same, at the same places."""
    known, others = ([s if isinstance(s, int) else None for s in x] for x in (shape, other))
    return known == others


def _plain(node: Node, given: list[Json]) -> Form:
    return PLACES[node.op.name], {}, given


def _reduced(node: Node, given: list[Json]) -> Form:
    axes = list(cast("tuple[int, ...]", dict(node.attrs)["axes"]))
    return ("numpy", REDUCED[node.op.name]), {"axis": cast(Json, axes), "keepdims": False}, given


def _cast(node: Node, given: list[Json]) -> Form:
    return ("core", "Cast"), {"dtype": node.types[0].dtype.name}, given


def _reshape(node: Node, given: list[Json]) -> Form:
    return ("numpy", "Reshape"), {"newshape": _shape(node)}, given


def _transpose(node: Node, given: list[Json]) -> Form:
    axes = list(cast("tuple[int, ...]", dict(node.attrs)["axes"]))
    return ("numpy", "Transpose"), {"axes": cast(Json, axes)}, given


def _concat(node: Node, given: list[Json]) -> Form:
    return ("numpy", "Concatenate"), {"axis": cast(int, dict(node.attrs)["axis"])}, [given]


def _slice(node: Node, given: list[Json]) -> Form:
    return ("numpy", "GetItem"), {}, [given[0], _slices(node)]


def _product(node: Node, given: list[Json]) -> Form:
    """a @ b where it is one, else an equation."""
    attrs = cast("dict[str, AxisPair]", dict(node.attrs))
    contract, batch = attrs["contract"], attrs["batch"]
    left, right = (t.ndim for t in node.inputs)
    leading = tuple(range(len(batch[0])))
    inner = contract == ((left - 1,), (max(right - 2, 0),)) and batch == (leading, leading)
    if inner and (left == right == len(leading) + 2 or (not leading and min(left, right - 1) <= 1)):
        return ("numpy", "Matmul"), {}, given
    return ("numpy", "Einsum"), {"subscripts": _equation(left, right, contract, batch)}, given


def _equation(left: int, right: int, contract: AxisPair, batch: AxisPair) -> str:
    """The product as einsum has it: batch axes, free axes of the left, free axes of the right."""
    a, b = string.ascii_lowercase[:left], list(string.ascii_uppercase[:right])
    for i, j in (*zip(*contract, strict=True), *zip(*batch, strict=True)):
        b[j] = a[i]
    together = "".join(a[i] for i in batch[0])
    free = [c for c in (*a, *b) if (c in a) != (c in b)]
    return f"{a},{''.join(b)}->{together}{''.join(free)}"


FORMS: dict[str, Callable[[Node, list[Json]], Form]] = {
    **dict.fromkeys(PLACES, _plain),
    **dict.fromkeys(REDUCED, _reduced),
    "cast": _cast,
    "reshape": _reshape,
    "transpose": _transpose,
    "concat": _concat,
    "slice": _slice,
    "dot_general": _product,
}


def _shape(node: Node) -> list[Json]:
    """A shape whose one unknown size follows from the others."""
    shape = node.types[0].shape
    if sum(not isinstance(s, int) for s in shape) > 1:
        raise unknown(f"reshape to {shape}")
    return [s if isinstance(s, int) else -1 for s in shape]


def _slices(node: Node) -> list[Json]:
    """Which elements of each axis; a whole axis needs no size."""
    attrs = dict(node.attrs)
    rows = zip(
        cast("tuple[Size, ...]", attrs["start"]), cast("tuple[Size, ...]", attrs["stop"]),
        cast("tuple[Size, ...]", attrs["step"]), node.inputs[0].shape, strict=True,
    )  # fmt: skip
    return [_part(*row) for row in rows]


def _part(start: Size, stop: Size, step: Size, size: Size) -> Json:
    if stop == size:
        stop = None  # pyright: ignore[reportAssignmentType]
    if any(not isinstance(s, int | None) for s in (start, stop, step)):
        raise unknown("a slice up to the size of the batch")
    parts = {"start": start, "stop": stop, "step": step}
    return {"class_name": "__slice__", "config": cast(Json, parts)}


def unknown(what: str) -> NotSupportedError:
    """The error for what Keras has no class for."""
    return NotSupportedError(
        "an operation between layers that has no form in Keras's files",
        received=what,
        fix="make it a layer, or save the model as .graphc",
    )
