"""Layers by the names of their classes, for those that are read from configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from graphc.errors import ArgumentError
from graphc.frontend.lookup import Config, config_of, find

from .layer import Layer

Kind = TypeVar("Kind", bound=type[Layer])

# All public layers enter themselves here when the package is loaded; users add theirs.
KNOWN: dict[str, type[Layer]] = {}

Given = Layer | Mapping[str, object]


def register(kind: Kind | None = None, *, name: str | None = None) -> Kind | Callable[[Kind], Kind]:
    """Let configurations and files name a layer class of one's own; a decorator.

    >>> @register
    ... class Twice(Layer):
    ...     def call(self, inputs):
    ...         return inputs * 2
    >>> type(layer_of({"class_name": "Twice", "config": {}})).__name__
    'Twice'
    """
    if kind is None:
        return lambda given: cast(Kind, register(given, name=name))
    KNOWN[name or kind.__name__] = kind
    return kind


def layer_of(given: Given) -> Layer:
    """The layer itself, or the one that {"class_name", "config"} describes.

    Raises:
        UnknownNameError: no layer of that name is known.
        ArgumentError: neither a layer nor a description of one.
    """
    if isinstance(given, Layer):
        return given
    if isinstance(given, Mapping) and isinstance(given.get("class_name"), str):
        name = given.get("registered_name") or given["class_name"]
        kind = find("layer", KNOWN, str(name))
        return kind.from_config(cast(Mapping[str, object], given.get("config", {})))
    raise ArgumentError(
        "not a layer", received=repr(given), expected='a layer, or {"class_name": .., "config": ..}'
    )


def serialize(layer: Layer) -> dict[str, object]:
    """The layer as {"class_name", "config"}, from which `deserialize` makes it again."""
    return config_of(layer)


def deserialize(config: Config, custom_objects: Mapping[str, type[Layer]] | None = None) -> Layer:
    """The layer that `serialize` described; `custom_objects` has classes of your own by name."""
    own = (custom_objects or {}).get(str(config.get("class_name")))
    if own is None:
        return layer_of(config)
    return own.from_config(cast(Config, config.get("config", {})))


def copied(layer: Layer, **changed: object) -> Layer:
    """A fresh layer with the same arguments but for some."""
    return type(layer).from_config({**layer.get_config(), **changed})
