"""What people call, as `gx.saving`."""

from __future__ import annotations

from graphc.frontend.models import load_model, save_model

from .files import load_weights, save_weights
from .objects import deserialize_keras_object, serialize_keras_object
from .registered import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
