"""What a model takes, as JSON: shapes and dtypes of its inputs, by which it is built again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from graphc.errors import DataError
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.layer import inside_of_calls
from graphc.frontend.layers.spec import build_shape
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, tree_map
from graphc.ops.leaf import placeholder

from .objects import Json

if TYPE_CHECKING:
    from graphc.frontend.layers.layer import Layer
    from graphc.frontend.models.model import Model


def form_of(model: Model) -> Json:
    """What the model takes; None where it has no inputs yet and was never called."""
    if model.wiring is not None:
        return cast(Json, tree_map(_form, model.input))
    return cast(Json, model.input_form)


def _form(tensor: Tensor) -> Json:
    return {"shape": list(build_shape(tensor.shape)), "dtype": tensor.dtype.name}


def placeholders(form: Json) -> Tree[Tensor]:
    """Symbolic inputs of a form; axes of unknown size have names, the first one "batch".

    Raises:
        DataError: no form.
    """
    if isinstance(form, Mapping) and set(form) == {"shape", "dtype"}:
        try:
            sizes = cast("list[int | None]", form["shape"])
            named = ["batch" if s is None and not i else s for i, s in enumerate(sizes)]
            return placeholder(named, str(form["dtype"]))
        except (TypeError, ValueError) as error:
            raise DataError("the form of an input is damaged", received=form) from error
    if isinstance(form, Mapping):
        return {name: placeholders(part) for name, part in form.items()}
    if isinstance(form, list):
        return [placeholders(part) for part in form]
    raise DataError("the form of an input is damaged", received=form)


def build(layer: Layer, form: Json) -> None:
    """Let the layer make its weights, by a call on symbolic inputs."""
    inputs = placeholders(form)
    with evaluating_with(None), collecting_effects(), inside_of_calls():
        layer(inputs, training=False)
