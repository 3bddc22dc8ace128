"""Models made of calls as JSON, and back: layers, what each was called with, inputs and outputs.

    {"layers": [{"name", "class_name", "config", "inbound_nodes": [{"args", "kwargs"}]}],
     "input_layers": [name, call, output], "output_layers": ..., "operations": [...]}

A tensor is [layer, number of the call, number of the output], as in Keras. Operations between
layers are graphs in the text that `graphc/ir/printer.py` writes. `wiring.py` reads the calls off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from graphc.errors import ArgumentError, DataError
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.shaping import Input, InputLayer
from graphc.frontend.saving.objects import (
    Json,
    deserialize_keras_object,
    is_description,
    serialize_keras_object,
)
from graphc.ir.dim import Dim
from graphc.ir.graph import rewrite, topological
from graphc.ir.node import Tensor
from graphc.ir.parser import parse
from graphc.ir.printer import show
from graphc.ir.tree import Tree, leaves, tree_map
from graphc.ops.variable import Variable
from graphc.passes.unify_sizes import with_sizes

from .keras_operations import operation_of
from .wiring import Between, Wiring

TENSOR, OPERATION = "__keras_tensor__", "__operation__"
Table = dict[str, Json]


def describe(wiring: Wiring) -> Table:
    """The calls between inputs and outputs as JSON."""
    return _Writer(wiring).table()


def rebuild(config: Mapping[str, object]) -> tuple[Tree[Tensor], Tree[Tensor]]:
    """Fresh layers called as the description says: the inputs and outputs of the same model.

    Raises:
        DataError: a description that is no model.
    """
    try:
        return _Reader(cast(Table, config)).tensors()
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(
            "the description of a model is damaged", received=f"{type(error).__name__}: {error}"
        ) from error


# ---------------------------------------------------------------------------- writing


class _Writer:
    """The layers by the names that they have in the description, and where each tensor is from."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self.entries: dict[Layer, Table] = {}
        self.places: dict[Tensor, list[Json]] = {}
        self.operations: list[Json] = []

    def table(self) -> Table:
        begin, wiring = leaves(self.wiring.inputs), self.wiring
        for layer, tensor in zip(wiring.layers(), begin):
            assert isinstance(layer, InputLayer), "layers begin with one for each input"
            self.places[tensor] = [self.entry(layer)["name"], 0, 0]
        for layer in wiring.layers()[len(begin) :]:
            self.entry(layer)
        for step in wiring.steps:
            entry = self.entries[step.call.layer]
            nodes = cast(list[Json], entry["inbound_nodes"])
            found = self.between(step.arguments)
            arguments = [self.value(a, found) for a in step.call.arguments]
            options = {n: self.value(a, found) for n, a in step.call.options.items()}
            self.places |= {t: [entry["name"], len(nodes), i] for t, i in step.results.items()}
            nodes.append({"args": arguments, "kwargs": options})
        last = self.between(wiring.last)
        inputs = tree_map(lambda t: self.places[t], wiring.inputs)
        outputs = tree_map(lambda t: self.end(last[t]), wiring.outputs)
        config: Table = {
            "layers": list(self.entries.values()),
            "input_layers": cast(Json, inputs),
            "output_layers": cast(Json, outputs),
        }
        return config | ({"operations": self.operations} if self.operations else {})

    def entry(self, layer: Layer) -> Table:
        """The description of a layer, under a name that no other one has."""
        if layer not in self.entries:
            made = cast(Table, serialize_keras_object(layer))
            taken, name, number = {str(e["name"]) for e in self.entries.values()}, layer.name, 0
            while name in taken:
                number += 1
                name = f"{layer.name}_{number}"
            self.entries[layer] = {**made, "name": name, "inbound_nodes": []}
        return self.entries[layer]

    def between(self, part: Between) -> dict[Tensor, Table]:
        """The tensors of a part as JSON; operations are noted."""
        if part.graph is None:
            return {t: self.tensor(t) for t in part.tensors}
        held = [t.name for n in topological(part.graph.outputs) for t in n.outputs
                if isinstance(t, Variable)]  # fmt: skip
        if held:
            raise ArgumentError(
                "operations between layers use a variable that no layer holds",
                received=", ".join(held),
                fix="make it a weight of a layer of your own, by add_weight",
            )
        number = len(self.operations)
        self.operations.append({
            "graph": show(part.graph),
            "inputs": [self.places[t] for t in part.needed],
            "sizes": dict(self.sizes()),
        })  # fmt: skip
        return {
            t: {"class_name": OPERATION, "config": {"number": number, "output": i}}
            for i, t in enumerate(part.tensors)
        }

    def sizes(self) -> Iterator[tuple[str, Json]]:
        """Where the named sizes in operations come from: the name of an input, and an axis."""
        for tensor in leaves(self.wiring.inputs):
            for axis, size in enumerate(tensor.shape):
                if isinstance(size, Dim):
                    yield str(size), [self.places[tensor][0], axis]

    def tensor(self, tensor: Tensor) -> Table:
        shape = [s if isinstance(s, int) else None for s in tensor.shape]
        place = {"shape": shape, "dtype": tensor.dtype.name, "keras_history": self.places[tensor]}
        return {"class_name": TENSOR, "config": cast(Table, place)}

    def end(self, described: Table) -> Json:
        """An output of the model."""
        if described["class_name"] != TENSOR:
            return described
        name, number, output = cast("list[Json]", cast(Table, described["config"])["keras_history"])
        owner = next(layer for layer, entry in self.entries.items() if entry["name"] == name)
        return [name, cast(int, number) + first_call(owner), output]

    def value(self, value: object, known: Mapping[Tensor, Table]) -> Json:
        """An argument of a call as JSON."""
        if isinstance(value, Tensor):
            return known[value]
        if isinstance(value, Mapping):
            return {str(n): self.value(v, known) for n, v in value.items()}
        if isinstance(value, tuple | list):
            return [self.value(v, known) for v in value]
        return serialize_keras_object(value)


def first_call(layer: Layer) -> int:
    """The number that Keras gives to the first call of a layer where it tells inputs and outputs of
    a model: the call that made a nested model counts there."""
    return int(layer.name_of_kind() == "Functional")


# ---------------------------------------------------------------------------- reading


class _Reader:
    """The layers by name, and the results of their calls so far."""

    def __init__(self, config: Table) -> None:
        self.config = config
        self.entries = cast(list[Table], config["layers"])
        self.layers: dict[str, Callable[..., object]] = {}
        self.results: dict[tuple[str, int], list[Tensor]] = {}

    def tensors(self) -> tuple[Tree[Tensor], Tree[Tensor]]:
        waiting = [call for entry in self.entries for call in self.begin(entry)]
        while waiting:
            left = [call for call in waiting if not self.run(*call)]
            if len(left) == len(waiting):
                names = sorted({name for name, _, _ in left})
                raise DataError("layers of a model wait for each other", received=", ".join(names))
            waiting = left
        return self.tree(self.config["input_layers"]), self.tree(self.config["output_layers"])

    def begin(self, entry: Table) -> Iterator[tuple[str, int, Json]]:
        """Make the layer of an entry; its calls are still to come."""
        name = str(entry.get("name") or cast(Table, entry["config"])["name"])
        if name in self.layers:
            raise DataError("two layers of a model have one name", received=name)
        made = operation_of(entry) or deserialize_keras_object(entry)
        if not callable(made):
            raise DataError("a model is made of layers", received=repr(made))
        self.layers[name] = made
        if isinstance(made, InputLayer):
            shape = made.declared_shape
            self.results[name, 0] = [Input(batch_shape=shape, dtype=made.dtype, name=made.name)]
            return
        for number, node in enumerate(cast(list[Json], entry.get("inbound_nodes") or [])):
            yield name, number, node

    def run(self, name: str, number: int, node: Json) -> bool:
        """Make a call, if all that it needs is there."""
        arguments, options = self.arguments(node)
        if not all(self.has(place) for place in self.needs([arguments, options])):
            return False
        given = [self.value(a) for a in arguments]
        # What is None was not given; not all layers have these arguments.
        named = {n: self.value(v) for n, v in options.items() if v is not None}
        result = self.layers[name](*given, **named)
        self.results[name, number] = leaves(cast("Tree[Tensor]", result))
        return True

    def arguments(self, node: Json) -> tuple[list[Json], Table]:
        """What a call was given; Keras 2 wrote lists of [layer, call, output, options]."""
        if isinstance(node, dict):
            return cast(list[Json], node["args"]), cast(Table, node["kwargs"])
        rows = cast("list[list[Json]]", [node] if _is_row(node) else node)
        places = [self.inner(row[:3]) for row in rows]
        tensors: list[Json] = [
            {"class_name": TENSOR, "config": {"keras_history": place}} for place in places
        ]
        options = cast(Table, rows[0][3]) if len(rows[0]) > 3 else {}
        return [tensors if len(tensors) > 1 else tensors[0]], options

    def inner(self, place: list[Json]) -> list[Json]:
        """A place as the ends of a model tell it, with calls counted from 0."""
        layer = self.layers[str(place[0])]
        first = first_call(layer) if isinstance(layer, Layer) else 0
        return [place[0], cast(int, place[1]) - first, place[2]]

    def has(self, place: Sequence[Json]) -> bool:
        return (str(place[0]), place[1]) in self.results

    def needs(self, value: Json) -> Iterator[Sequence[Json]]:
        """The places of all tensors in arguments."""
        if isinstance(value, list):
            for entry in value:
                yield from self.needs(entry)
        elif is_description(value) and value["class_name"] == TENSOR:
            yield cast(Table, value["config"])["keras_history"]  # pyright: ignore
        elif is_description(value) and value["class_name"] == OPERATION:
            yield from self.operation(value)["inputs"]  # pyright: ignore
        elif isinstance(value, dict):
            for entry in value.values():
                yield from self.needs(entry)

    def operation(self, value: Table) -> Table:
        number = cast(int, cast(Table, value["config"])["number"])
        return cast(Table, cast(list[Json], self.config["operations"])[number])

    def value(self, value: Json) -> object:
        """An argument of a call."""
        if is_description(value) and value["class_name"] == TENSOR:
            return self.at(cast(Table, value["config"])["keras_history"])
        if is_description(value) and value["class_name"] == OPERATION:
            return self.computed(value)
        if is_description(value):
            return deserialize_keras_object(value)
        if isinstance(value, dict):
            return {n: self.value(v) for n, v in value.items()}
        return [self.value(v) for v in value] if isinstance(value, list) else value

    def at(self, place: Json) -> Tensor:
        name, number, output = cast("tuple[str, int, int]", place)
        return self.results[name, number][output]

    def computed(self, value: Table) -> Tensor:
        """What operations between layers give."""
        operation = self.operation(value)
        sizes = {
            name: self.results[str(source[0]), 0][0].shape[cast(int, source[1])]
            for name, source in cast("dict[str, list[Json]]", operation["sizes"]).items()
        }
        region = with_sizes(parse(str(operation["graph"])), sizes)
        given = [self.at(place) for place in cast(list[Json], operation["inputs"])]
        known = dict(zip(region.inputs, given, strict=True))
        output = region.outputs[cast(int, cast(Table, value["config"])["output"])]
        return rewrite([output], lambda node, inputs: None, known)[0]

    def tree(self, value: Json) -> Tree[Tensor]:
        """Nested places as tensors; one place is a list of a name and two numbers."""
        if isinstance(value, dict):
            if is_description(value):
                return self.computed(value)
            return {n: self.tree(v) for n, v in value.items()}
        places = cast(list[Json], value)
        if len(places) == 3 and isinstance(places[0], str):
            return self.at(self.inner(places))
        return [self.tree(v) for v in places]


def _is_row(node: Json) -> bool:
    return isinstance(node, list) and bool(node) and isinstance(node[0], str)
