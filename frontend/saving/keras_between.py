"""Operations between layers as Keras writes them: an entry among the layers for each of them.

A description of ours has them as graphs (`models/functional.py`). Their nodes become operations of
keras.src.ops (`keras_forms.py`); numbers that fill a shape become plain numbers, for Keras
broadcasts.
`models/keras_operations.py` reads them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import cast, final

from graphc.ir.graph import topological
from graphc.ir.node import Node, Tensor
from graphc.ir.parser import parse

from .keras_forms import Table, alike, form_of, shape_in_keras, unknown
from .objects import Json, is_description

TENSOR, OPERATION = "__keras_tensor__", "__operation__"


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
            if not alike(shape_in_keras(output), output.shape):
                raise unknown("an array that was broadcast")
            self.results[number, i] = known[output]

    def entry(self, node: Node, known: Mapping[Tensor, Json]) -> Json:
        """Write one operation; its result as an argument of others."""
        given = [known[t] for t in node.inputs]
        if node.op.name == "broadcast_to":
            # Its users broadcast by themselves.
            return given[0]
        (module, kind), config, arguments = form_of(node, given)
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
    raise unknown(node.op.name)
