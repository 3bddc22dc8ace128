"""Descriptions as Keras writes them, to those of this library and back.

The form is one (`objects.py`); this file knows the names of modules, the arguments that one side
has and the other has not, and how older versions of Keras wrote some of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from graphc.errors import NotSupportedError

from .keras_between import with_operations
from .objects import TABLES, Json, is_description

Table = dict[str, Json]

FUNCTIONAL = "keras.src.models.functional"
# Layers that Keras has not; the others are in keras.layers.
OWN_LAYERS = {
    "SumPooling1D", "SumPooling2D", "SumPooling3D", "RReLU", "NoisyActivation", "Restored",
}  # fmt: skip
# Arguments of Keras's classes that have no counterpart here, with the value that asks for nothing.
# fmt: off
UNUSED: dict[str, Json] = {
    "quantization_config": None,   "lora_rank": None,          "lora_alpha": None,
    "synchronized": False,         "rms_scaling": False,       "sparse": False,
    "ragged": False,               "optional": False,          "time_major": False,
    "input_length": None,
}
# fmt: on
# Arguments of layers here that Keras's do not take.
LACKING = {
    "LeakyReLU": ["alpha"],
    "Cropping1D": ["data_format"],
    "SpatialDropout1D": ["trainable", "data_format"],
    "SpatialDropout2D": ["trainable"],
    "SpatialDropout3D": ["trainable"],
}
# Arguments that say nothing about what is computed.
IGNORED = {"implementation", "jit_compile", "is_legacy_optimizer", "shared_object_id"}
# Where the objects of an argument come from, by the end of its name.
_ORIGINS = {
    "initializer": "initializers", "regularizer": "regularizers", "constraint": "constraints",
    "learning_rate": "optimizers.schedules", "optimizer": "optimizers", "loss": "losses",
    "metrics": "metrics", "layer": "layers", "cell": "layers", "cells": "layers",
    "layers": "layers", "activation": "activations", "seed": "random", "fn": "losses",
}  # fmt: skip


# ---------------------------------------------------------------------------- from Keras


def from_keras(value: Json, name: str = "") -> Json:
    """A description that Keras wrote, of any version, as this library takes it.

    Raises:
        NotSupportedError: an argument that asks for what this library does not have.
    """
    if isinstance(value, list):
        return [from_keras(entry, name) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if is_description(value):
        inner = value["config"]
        if value["class_name"] == "DTypePolicy" and isinstance(inner, Mapping):
            return inner.get("name")
        if value["class_name"] == "function":
            return inner
        if isinstance(inner, Mapping):
            changed = _arguments(str(value["class_name"]), dict(inner))
            value = {**value, "config": changed}
    return {
        n: from_keras(v, n)
        for n, v in value.items()
        if n not in IGNORED and not _is_phase(n, v, name)
    }


def _is_phase(name: str, value: Json, around: str) -> bool:
    """Whether it says that a call was recorded in inference, which is so for all of them."""
    return around == "kwargs" and name == "training" and not value


def _arguments(kind: str, config: Table) -> Table:
    """The arguments of one object."""
    for name, unused in UNUSED.items():
        given = config.get(name, unused)
        if name in config and name != "input_length" and given != unused:
            raise NotSupportedError(
                f"{kind} is not supported with {name}", received=repr(given), expected=repr(unused)
            )
        config.pop(name, None)
    shape = config.pop("batch_input_shape", None)
    if isinstance(shape, list):
        config |= {"batch_shape": shape} if kind == "InputLayer" else {"input_shape": shape[1:]}
    axis = config.get("axis")
    if kind == "BatchNormalization" and isinstance(axis, list):
        config["axis"] = axis[0]
    return config


# ---------------------------------------------------------------------------- to Keras


def to_keras(value: Json, name: str = "") -> Json:
    """A description of this library as Keras reads it; `name` is the argument that it is for.

    Raises:
        NotSupportedError: what Keras has not.
    """
    if isinstance(value, list):
        return [to_keras(entry, name) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if "operations" in value and "input_layers" in value:
        value = with_operations(value)
    if str(value.get("module")).startswith("keras."):
        return value
    if not is_description(value) or str(value["class_name"]).startswith("__"):
        return {n: to_keras(v, n) for n, v in value.items()}
    kind = str(value["class_name"])
    if kind in OWN_LAYERS:
        raise NotSupportedError(
            "Keras has no such layer", received=kind, fix="save the model as .graphc"
        )
    given = value["config"]
    config = _keras_arguments(kind, dict(given)) if isinstance(given, Mapping) else given
    changed = {n: to_keras(v, n) for n, v in {**value, "config": config}.items()}
    return {**changed, **_origin(kind, value, name)}


def _origin(kind: str, value: Mapping[str, Json], name: str) -> Table:
    """Where Keras finds a class."""
    if value.get("registered_name"):
        return {"module": None}
    if kind in ("Functional", "Model"):
        return {"module": FUNCTIONAL, "class_name": "Functional", "registered_name": "Functional"}
    if kind == "Sequential":
        return {"module": "keras", "registered_name": None}
    module = value.get("module")
    if isinstance(module, str):
        return {"module": module.replace("graphc", "keras", 1)}
    end = next((end for end in _ORIGINS if name.endswith(end)), None)
    known = _ORIGINS[end] if end is not None else _table_of(kind)
    return {"module": f"keras.{known}" if known else None, "registered_name": None}


def _table_of(kind: str) -> str | None:
    return next((module for module, table in TABLES.items() if kind in table), None)


def _keras_arguments(kind: str, config: Table) -> Table:
    """The arguments of one object without those that Keras's class does not take."""
    for name in ("input_shape", *LACKING.get(kind, ())):
        config.pop(name, None)
    if kind == "Sequential":
        return _with_input(config)
    return _optimizer(kind, config)


def _with_input(config: Table) -> Table:
    """The arguments of a list of layers, which begins with a declaration of the input."""
    dtype, shape, layers = (
        config.pop("dtype", None),
        config.get("build_input_shape"),
        config["layers"],
    )
    first = layers[0] if isinstance(layers, list) and layers else None
    if shape is None or (is_description(first) and first["class_name"] == "InputLayer"):
        return config
    begin = {"batch_shape": shape, "dtype": dtype, "name": "input_layer"}
    told: Json = {"class_name": "InputLayer", "config": begin}
    return {**config, "layers": [told, *cast(list[Json], layers)]}


def _optimizer(kind: str, config: Table) -> Table:
    """The arguments of an optimizer; Keras has a schedule in the place of `decay`."""
    if kind.lower() not in TABLES["optimizers"] or "learning_rate" not in config:
        return config
    decay, rate = config.pop("decay", None), config["learning_rate"]
    if decay:
        told = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = {"class_name": "InverseTimeDecay", "config": cast(Json, told)}
    return config
