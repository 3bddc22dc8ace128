"""The optimizers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from graphc.frontend.lookup import Config, find

from .adafactor import Adafactor
from .adagrad import Adadelta, Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .ftrl import Ftrl
from .lamb import Lamb
from .lion import Lion
from .nadam import Nadam
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

ALL: tuple[type[Optimizer], ...] = (
    SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Adafactor, Ftrl, Lion, Lamb,
)  # fmt: skip
BY_NAME: dict[str, type[Optimizer]] = {kind.__name__.lower(): kind for kind in ALL}


def deserialize(config: Config, custom_objects: Mapping[str, type] | None = None) -> Optimizer:
    """The optimizer of a config; `custom_objects` are classes of your own, by name.

    >>> made = deserialize({"class_name": "SGD", "config": {"momentum": 0.5}})
    >>> made.get_config()["momentum"]
    0.5
    """
    table: dict[str, type[Optimizer]] = {**BY_NAME, **(custom_objects or {})}
    kind = find("optimizer", table, str(config["class_name"]))
    return kind.from_config(cast(Config, config.get("config", {})), custom_objects)
