"""What `compile` was told, as plain data, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from graphc.frontend import losses, metrics, optimizers
from graphc.frontend.lookup import config_of

Config = dict[str, object]


def to_config(given: Mapping[str, object]) -> Config:
    """The arguments with every optimizer, loss and metric as its name or config.

    >>> to_config({"loss": {"a": losses.Huber, "b": "mse"}})["loss"]["a"]["class_name"]
    'Huber'
    """
    kinds: dict[str, Callable[[object], object]] = {
        "optimizer": _optimizer, "loss": _loss, "metrics": _metric, "weighted_metrics": _metric,
    }  # fmt: skip
    return {n: _each(kinds[n], v) if n in kinds else _plain(v) for n, v in given.items()}


def _each(function: Callable[[object], object], value: object) -> object:
    """The function applied to what lists and dicts hold; configs stay."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if "class_name" in value:
            return dict(value)
        return {name: _each(function, entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_each(function, entry) for entry in value]
    return function(value)


def _optimizer(value: object) -> object:
    return config_of(optimizers.get(cast(optimizers.Given, value)))


def _loss(value: object) -> object:
    return losses.serialize(value() if isinstance(value, type) else value)  # pyright: ignore


def _metric(value: object) -> object:
    made = value() if isinstance(value, type) else value
    if isinstance(made, losses.Loss):
        return losses.serialize(made)
    return metrics.serialize(made)  # pyright: ignore


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
