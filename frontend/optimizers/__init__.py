"""Optimizers by class and name; one file per algorithm, schedules in a folder of their own."""

from __future__ import annotations

from typing import overload

from graphc.frontend.lookup import Config, config_of, resolve

from . import schedules
from .adafactor import Adafactor
from .adagrad import Adadelta, Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .ftrl import Ftrl
from .lamb import Lamb
from .lion import Lion
from .loss_scale import LossScaleOptimizer, with_loss_scale
from .nadam import Nadam
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD
from .step import Step
from .table import BY_NAME, deserialize

Given = str | type[Optimizer] | Optimizer | Config

BY_NAME["lossscaleoptimizer"] = LossScaleOptimizer


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: Given) -> Optimizer: ...
def get(identifier: Given | None) -> Optimizer | None:
    """The optimizer meant by a name, a class, an object or a config; None for None.

    >>> type(get("adam")).__name__
    'Adam'
    """
    return None if identifier is None else resolve("optimizer", BY_NAME, identifier, Optimizer)


def serialize(optimizer: Optimizer) -> dict[str, object]:
    """The class and the arguments of an optimizer, as `deserialize` takes them."""
    return config_of(optimizer)


__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "Step",
    "deserialize",
    "get",
    "schedules",
    "serialize",
    "with_loss_scale",
]
