"""`.h5` files of Keras 2 and 3 with a whole model, or with weights alone, in both directions.

The description and the compile arguments are attributes; each layer has a group with its weights,
the trainable ones first, in the order of the attribute `weight_names`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from graphc.errors import DataError
from graphc.frontend import losses
from graphc.frontend.lookup import config_of
from graphc.ops.variable import Variable

from .archive import damage_of, damaged
from .assigning import assign
from .atomic import write_atomically
from .graphc_format import compile_as
from .hdf5 import Attribute, Content, encode, listed
from .hdf5_apart import decode
from .keras_configs import from_keras, to_keras
from .keras_format import KERAS, built, compile_arguments, describe
from .keras_layout import widened
from .objects import Json, serialize_keras_object
from .registered import custom_object_scope

if TYPE_CHECKING:
    from graphc.frontend.layers.layer import Layer
    from graphc.frontend.models.model import Model

GROUP, STATE = "model_weights", "optimizer_weights"


def write(model: Model, path: Path) -> None:
    """Write a whole model in the older format of Keras."""
    config = describe(model)
    attributes: dict[str, Attribute] = {
        "keras_version": KERAS,
        "backend": "graphc",
        "model_config": json.dumps({n: config[n] for n in ("class_name", "config")}),
    }
    content = _weights(model)
    content.attributes[""] = attributes
    told, optimizer = model.get_compile_config(), model.optimizer
    if told and optimizer is not None:
        # Keras does not find the short names of losses in this format.
        loss = told["loss"]
        told["loss"] = config_of(losses.as_loss(loss)) if isinstance(loss, str) else loss
        chosen = dict(cast("Mapping[str, Json]", to_keras(serialize_keras_object(told))))
        rest = {"loss_weights": None, "weighted_metrics": None, **chosen}
        rest["optimizer_config"] = rest.pop("optimizer")
        attributes["training_config"] = json.dumps(rest)
        if optimizer.built:
            names = [f"{optimizer.name}/{i}" for i in range(len(optimizer.variables))]
            content.attributes[STATE] = {"weight_names": names}
            values = map(widened, optimizer.variables)
            content.arrays |= {f"{STATE}/{n}": a for n, a in zip(names, values)}
    data = encode(content)
    write_atomically(path, lambda file: file.write(data))


def write_weights(model: Model, path: Path) -> None:
    """Write the weights alone, as `load_weights` here and in Keras reads them."""
    data = encode(_weights(model))
    write_atomically(path, lambda file: file.write(data))


def _weights(model: Model) -> Content:
    """The groups of all layers."""
    content = Content()
    content.attributes[GROUP] = {
        "layer_names": [layer.name for layer in model.layers],
        "backend": "graphc",
        "keras_version": KERAS,
    }
    for layer in model.layers:
        names = [f"{layer.name}/{i}" for i in range(len(layer.weights))]
        content.attributes[f"{GROUP}/{layer.name}"] = {"weight_names": names}
        for name, weight in zip(names, ordered(layer)):
            content.arrays[f"{GROUP}/{layer.name}/{name}"] = weight.numpy()
    content.attributes[f"{GROUP}/top_level_model_weights"] = {"weight_names": []}
    return content


def ordered(layer: Layer) -> list[Variable]:
    """The weights of a layer, the trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def read(path: Path, custom_objects: Mapping[str, object] | None, compiled: bool) -> Model:
    """The model of a file that Keras or this library wrote.

    Raises:
        DataError: a damaged file, or one with weights alone.
    """
    content = decode(path.read_bytes(), path)
    with custom_object_scope(custom_objects), damage_of(path):
        told = content.attributes[""]
        if "model_config" not in told:
            raise DataError(
                "the file holds weights without a model",
                received=str(path),
                fix="make the model and use model.load_weights(path)",
            )
        model = built(from_keras(_json(told["model_config"], path)), content)
        _assign(model, content, path)
        training = told.get("training_config")
        if compiled and training is not None:
            _compile(model, _json(training, path), content, path)
    return model


def load_weights(model: Model, path: Path, skip_mismatch: bool) -> None:
    """Take the weights of a file, layer by layer."""
    content = decode(path.read_bytes(), path)
    with damage_of(path):
        _assign(model, content, path, skip_mismatch)


def _assign(model: Model, content: Content, path: Path, skip_mismatch: bool = False) -> None:
    """Give the layers their weights: by name if all names are the same, else in order."""
    group = GROUP if GROUP in content.attributes else ""
    saved = {name: _values(content, f"{group}/{name}".removeprefix("/"))
             for name in listed(content.attributes[group], "layer_names")}  # fmt: skip
    saved = {name: values for name, values in saved.items() if values}
    layers = [layer for layer in model.layers if layer.weights]
    if len(saved) != len(layers):
        raise DataError(
            f"the layers with weights in {path.name} are not those of the model",
            received=", ".join(saved),
            expected=", ".join(layer.name for layer in layers),
        )
    by_name = {layer.name for layer in layers} == set(saved)
    names = [layer.name if by_name else name for layer, name in zip(layers, saved)]
    known = {f"{name}/{i}": v for name, layer in zip(names, layers)
             for i, v in enumerate(ordered(layer))}  # fmt: skip
    arrays = {f"{name}/{i}": a for name in saved for i, a in enumerate(saved[name])}
    assign(known, arrays, path.name, skip_mismatch)


def _values(content: Content, group: str) -> list[np.ndarray]:
    """The weights of one group, in order."""
    names = listed(content.attributes[group], "weight_names")
    return [content.arrays[f"{group}/{name}"] for name in names]


def _compile(model: Model, told: Json, content: Content, path: Path) -> None:
    found = compile_arguments(told)
    found["optimizer"] = found.pop("optimizer_config", None)
    compile_as(model, found)
    optimizer = model.optimizer
    if optimizer is not None and STATE in content.attributes:
        optimizer.build(model.trainable_weights)
        values = _values(content, STATE)
        known = {f"{STATE}/{i}": v for i, v in enumerate(optimizer.variables)}
        assign(known, {f"{STATE}/{i}": a for i, a in enumerate(values)}, path.name)


def _json(text: Attribute, path: Path) -> Json:
    try:
        return json.loads(cast(str, text))
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(path, f"an attribute is no JSON ({error})") from error
