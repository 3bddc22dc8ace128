"""`.keras` files in both directions: a zip of config.json, metadata.json, model.weights.h5."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from graphc.errors import ArgumentError, DataError

from .archive import damage_of, damaged, open_archive, write_members
from .assigning import assign
from .atomic import write_atomically
from .forms import form_of
from .graphc_format import compile_as, model_of
from .hdf5 import Content, encode
from .hdf5_apart import decode
from .keras_configs import from_keras, to_keras
from .keras_layout import content_of, optimizer_places, places, weights_of
from .objects import Json, serialize_keras_object
from .registered import custom_object_scope
from .room import room_for

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

# The version of Keras whose format is written.
KERAS = "3.15.1"
WEIGHTS = "model.weights.h5"


def write(model: Model, path: Path) -> None:
    """Write a model for Keras.

    Raises:
        NotSupportedError: layers or operations that Keras has not.
    """
    config = describe(model)
    told = model.get_compile_config()
    if told:
        config["compile_config"] = to_keras(serialize_keras_object(told))
    members = {
        "metadata.json": json.dumps({"keras_version": KERAS, "date_saved": ""}).encode(),
        "config.json": json.dumps(config).encode(),
        WEIGHTS: encode(content_of(model)),
    }
    write_atomically(path, lambda file: write_members(file, members))


def describe(model: Model) -> dict[str, Json]:
    """The model as Keras describes it.

    Raises:
        ArgumentError: a model of the user's own class that is not registered.
    """
    described = dict(cast("Mapping[str, Json]", to_keras(serialize_keras_object(model))))
    if described.get("module") is None and not described.get("registered_name"):
        raise ArgumentError(
            "Keras's formats hold models of layers, not of Python code",
            received=type(model).__name__,
            fix="save the model as .graphc, or register its class",
        )
    form = form_of(model)
    shape = form.get("shape") if isinstance(form, Mapping) else None
    return {**described, "build_config": {"input_shape": shape}}


def write_weights(model: Model, path: Path) -> None:
    """Write `.weights.h5`, as Keras's `save_weights` does."""
    content = encode(content_of(model))
    write_atomically(path, lambda file: file.write(content))


def read(path: Path, custom_objects: Mapping[str, object] | None, compiled: bool) -> Model:
    """The model of a file that Keras or this library wrote.

    Raises:
        DataError: a damaged file.
        NotSupportedError: a layer or an argument that this library does not have.
    """
    with custom_object_scope(custom_objects), damage_of(path):
        with open_archive(path) as archive:
            try:
                config = json.loads(archive.read("config.json"))
            except (ValueError, RecursionError) as error:
                raise damaged(path, f"config.json is no JSON ({error})") from error
            content = decode(archive.read(WEIGHTS), path)
        if not isinstance(config, dict):
            raise damaged(path, "config.json describes no model")
        told = compile_arguments(config.pop("compile_config", None))
        model = built(from_keras(config), content)
        assign(places(model), weights_of(content, model), path.name)
        if compiled and told:
            compile_as(model, told)
            restore_optimizer(model, content, path)
    return model


def compile_arguments(told: Json) -> dict[str, Json]:
    """What the model was compiled with, without what was left out."""
    given = from_keras(told)
    return {n: v for n, v in given.items() if v is not None} if isinstance(given, Mapping) else {}


def built(config: Json, content: Content) -> Model:
    """The model of a description, with as much room for weights as the file has."""
    with room_for(sum(a.nbytes for a in content.arrays.values())):
        return model_of(config)


def restore_optimizer(model: Model, content: Content, path: Path) -> None:
    """Give the optimizer the state of the file, if it has one."""
    optimizer = model.optimizer
    found = {p: a for p, a in content.arrays.items() if p.startswith("optimizer/")}
    if optimizer is None or not found:
        return
    optimizer.build(model.trainable_weights)
    assign(optimizer_places(optimizer), found, path.name)


def load_weights(model: Model, path: Path, skip_mismatch: bool) -> None:
    """Take the weights of a `.weights.h5` or `.keras` file."""
    if path.suffix == ".keras":
        with open_archive(path) as archive:
            data = archive.read(WEIGHTS)
    else:
        data = path.read_bytes()
    content = decode(data, path)
    if not any(place.endswith("/vars/0") or place == "vars/0" for place in content.arrays):
        raise DataError("the file holds no weights in Keras's form", received=str(path))
    assign(places(model), weights_of(content, model), path.name, skip_mismatch)
