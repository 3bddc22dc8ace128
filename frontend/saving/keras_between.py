"""Operations between layers as Keras writes them: an entry among the layers for each of them.

A description of ours has them as graphs (`models/functional.py`). Their nodes become operations of
keras.src.ops; numbers that fill a shape become plain numbers, for Keras broadcasts.
`models/keras_operations.py` reads them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast, final

from graphc.errors import NotSupportedError
from graphc.ir.dim import Size
from graphc.ir.graph import topological
from graphc.ir.node import Node, Tensor
from graphc.ir.parser import parse

from .objects import Json, is_description

Table = dict[str, Json]
TENSOR, OPERATION = "__keras_tensor__", "__operation__"

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
_PLACES = {op: (module, kind) for module, ops in PLAIN.items() for op, kind in ops.items()}


def with_operations(config: Mapping[str, Json]) -> Table:
    """The description of a model with its operations among the layers.

    Raises:
        NotSupportedError: an operation for which Keras has no class, or that needs the size of the
            batch.
    """
    taken = [str(entry["name"]) for entry in cast("list[Table]", config["layers"])]
    writer = _Writer(Counter(taken))
    for number, operation in enumerate(cast("list[Table]", config["operations"])):
        writer.write(number, operation)
    changed = {n: writer.replaced(v) for n, v in config.items() if n != "operations"}
    for end in ("input_layers", "output_layers"):
        changed[end] = _places(changed[end])
    # The operations stand behind the layers: Keras waits for what a call needs.
    return {**changed, "layers": [*cast("list[Json]", changed["layers"]), *writer.entries]}


@final
class _Writer:
    """The entries so far, and where the results of operations are."""

    def __init__(self, taken: Counter[str]) -> None:
        self.taken = taken
        self.entries: list[Json] = []
        self.results: dict[tuple[int, int], Json] = {}

    def write(self, number: int, operation: Table) -> None:
        """The entries of one graph."""
        region = parse(str(operation["graph"]))
        known: dict[Tensor, Json] = {
            t: _tensor(t, cast(Json, self.replaced(place)))
            for t, place in zip(region.inputs, cast("list[Json]", operation["inputs"]), strict=True)
        }
        for node in topological(region.outputs):
            if node.op.name in ("full", "constant"):
                known[node.output()] = _number(node)
            elif node.output() not in known:
                known[node.output()] = self.entry(node, known)
        for i, output in enumerate(region.outputs):
            self.results[number, i] = known[output]

    def entry(self, node: Node, known: Mapping[Tensor, Json]) -> Json:
        """Write one operation; its result as an argument of others."""
        given = [known[t] for t in node.inputs]
        op, attrs = node.op.name, dict(node.attrs)
        if op == "broadcast_to":
            # Its users broadcast by themselves.
            return given[0]
        place, config, arguments = _PLACES.get(op), {}, given
        if op in REDUCED:
            place = "numpy", REDUCED[op]
            config = {"axis": list(cast("tuple[int, ...]", attrs["axes"])), "keepdims": False}
        elif op == "cast":
            place, config = ("core", "Cast"), {"dtype": node.types[0].dtype.name}
        elif op == "reshape":
            place, config = ("numpy", "Reshape"), {"newshape": _shape(node)}
        elif op == "transpose":
            place = "numpy", "Transpose"
            config = {"axes": list(cast("tuple[int, ...]", attrs["axes"]))}
        elif op == "concat":
            place, arguments = ("numpy", "Concatenate"), [given]
            config = {"axis": cast(int, attrs["axis"])}
        elif op == "slice":
            place, arguments = ("numpy", "GetItem"), [given[0], _slices(node)]
        if place is None:
            raise _unknown(op)
        module, kind = place
        name = self.fresh(kind.lower())
        self.entries.append({
            "module": f"keras.src.ops.{module}", "class_name": kind, "registered_name": kind,
            "config": {"name": name, **config}, "name": name,
            "inbound_nodes": [{"args": arguments, "kwargs": {}}],
        })  # fmt: skip
        return _tensor(node.output(), [name, 0, 0])

    def fresh(self, name: str) -> str:
        """A name that no layer has."""
        while self.taken[found := f"{name}_{self.taken[name]}" if self.taken[name] else name]:
            self.taken[name] += 1
        self.taken[found] += 1
        return found

    def replaced(self, value: Json) -> Json:
        """The same with the results of operations in the place of operations."""
        if is_description(value) and value["class_name"] == OPERATION:
            inner = cast("dict[str, int]", value["config"])
            return self.results[inner["number"], inner["output"]]
        if isinstance(value, Mapping):
            return {n: self.replaced(v) for n, v in value.items()}
        return [self.replaced(v) for v in value] if isinstance(value, list) else value


def _places(value: Json) -> Json:
    """Ends of a model, which are told by their places."""
    if is_description(value) and value["class_name"] == TENSOR:
        return cast(Table, value["config"])["keras_history"]
    if isinstance(value, Mapping):
        return {n: _places(v) for n, v in value.items()}
    return [_places(v) for v in value] if isinstance(value, list) else value


def _tensor(tensor: Tensor, place: Json) -> Table:
    shape = [s if isinstance(s, int) else None for s in tensor.shape]
    config = {"shape": shape, "dtype": tensor.dtype.name, "keras_history": place}
    return {"class_name": TENSOR, "config": cast(Json, config)}


def _number(node: Node) -> Json:
    """A constant, as a number or an array."""
    attrs = dict(node.attrs)
    if node.op.name == "full" and isinstance(attrs["value"], bool | int | float):
        return attrs["value"]
    if node.op.name == "constant" and (value := node.output().concrete()) is not None:
        array = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": array}
    raise _unknown(node.op.name)


def _shape(node: Node) -> list[Json]:
    """A shape whose one unknown size follows from the others."""
    shape = node.types[0].shape
    if sum(not isinstance(s, int) for s in shape) > 1:
        raise _unknown(f"reshape to {shape}")
    return [s if isinstance(s, int) else -1 for s in shape]


def _slices(node: Node) -> list[Json]:
    """Which elements of each axis; a whole axis needs no size."""
    attrs = dict(node.attrs)
    rows = zip(
        cast("tuple[Size, ...]", attrs["start"]), cast("tuple[Size, ...]", attrs["stop"]),
        cast("tuple[Size, ...]", attrs["step"]), node.inputs[0].shape, strict=True,
    )  # fmt: skip
    return [_slice(*row) for row in rows]


def _slice(start: Size, stop: Size, step: Size, size: Size) -> Json:
    if stop == size:
        stop = None  # pyright: ignore[reportAssignmentType]
    if any(not isinstance(s, int | None) for s in (start, stop, step)):
        raise _unknown("a slice up to the size of the batch")
    parts = {"start": start, "stop": stop, "step": step}
    return {"class_name": "__slice__", "config": cast(Json, parts)}


def _unknown(what: str) -> NotSupportedError:
    return NotSupportedError(
        "an operation between layers that has no form in Keras's files",
        received=what,
        fix="make it a layer, or save the model as .graphc",
    )
