"""What a model computes, as graphs: for models of classes that the reader of a file may not have.

`frontend/models/restored.py` makes a model of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from graphc.errors import GraphcError
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.layer import inside_of_calls
from graphc.frontend.layers.members import parts_of
from graphc.ir.graph import graph, substitute, topological
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.printer import show
from graphc.ir.tree import Tree, leaves, like
from graphc.ops.leaf import placeholder
from graphc.ops.variable import Variable

from .forms import form_of, placeholders
from .objects import Json, module_of, serialize_keras_object
from .paths import generators_by_path, memory_by_path, weights_by_path

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

Table = dict[str, Json]


def needs_code(model: Model) -> bool:
    """Whether the model is made of classes that the library does not know."""
    return any(module_of(type(part)) is None for part in parts_of(model))


def describe(model: Model) -> Table | str:
    """The graphs of prediction, training and penalties; or the reason why there is none."""
    form = form_of(model)
    if form is None:
        return "the model was never called"
    variables = {
        **weights_by_path(model),
        **{path: generator.state for path, generator in generators_by_path(model).items()},
        **memory_by_path(model),
    }
    try:
        predict = _traced(model, form, variables, training=False)
        penalties = _part([], None, [], {}, model.losses, variables)
    except GraphcError as error:
        return error.problem
    try:
        train: Json = _traced(model, form, variables, training=True)
    except GraphcError as error:
        train = error.problem
    return {
        "form": form,
        "weights": {p: _weight(v) for p, v in weights_by_path(model).items()},
        "counters": list(generators_by_path(model)),
        "memory": {p: _type(v) for p, v in memory_by_path(model).items()},
        "predict": predict,
        "train": train,
        "penalties": penalties,
    }


def _traced(model: Model, form: Json, variables: Mapping[str, Variable], training: bool) -> Table:
    """One call of the model."""
    inputs = placeholders(form)
    with evaluating_with(None), collecting_effects() as found, inside_of_calls():
        outputs = cast("Tree[Tensor]", model(inputs, training=training))
    flat = leaves(outputs)
    numbers = like(outputs, list(range(len(flat))))
    return _part(leaves(inputs), numbers, flat, found.updates, found.losses, variables)


def _part(
    inputs: Iterable[Tensor], numbers: Tree[int], outputs: list[Tensor],
    updates: Mapping[Variable, Tensor], losses: list[Tensor], variables: Mapping[str, Variable],
) -> Table:  # fmt: skip
    """The graph of all that a call gives, with its variables as further inputs."""
    places = {v: path for path, v in variables.items()}
    targets = [*outputs, *updates.values(), *losses]
    used = [t for node in topological(targets) for t in node.outputs if isinstance(t, Variable)]
    if lost := [v.name for v in (*used, *updates) if v not in places]:
        raise _outside(lost)
    stand_ins: dict[Tensor, Tensor] = {
        v: placeholder(v.shape, v.dtype, name=places[v]) for v in used
    }
    region = graph([*inputs, *stand_ins.values()], substitute(targets, stand_ins))
    return {
        "graph": show(region),
        "variables": [places[v] for v in used],
        "outputs": cast(Json, numbers),
        "updates": [places[v] for v in updates],
    }


def _outside(names: list[str]) -> GraphcError:
    return GraphcError(f"it uses variables that no layer holds: {', '.join(names)}")


def _type(v: Variable) -> Table:
    return {"shape": cast(Json, list(v.shape)), "dtype": v.dtype.name}


def _weight(v: Variable) -> Table:
    return {
        **_type(v),
        "trainable": v.trainable,
        "constraint": serialize_keras_object(v.constraint),
    }
