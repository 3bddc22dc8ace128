"""Optimizers by class and name; one file per algorithm."""

from __future__ import annotations

from graphc.frontend.lookup import Config, resolve

from .adam import Adam
from .optimizer import Optimizer, Step
from .rmsprop import RMSprop
from .sgd import SGD

Given = str | type[Optimizer] | Optimizer | Config

BY_NAME: dict[str, type[Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam}


def get(given: Given) -> Optimizer:
    """The optimizer meant by a name, a class, an object or a config.

    >>> type(get("adam")).__name__
    'Adam'
    """
    return resolve("optimizer", BY_NAME, given, Optimizer)


__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "Step", "get"]
