"""Weights per class as weights per example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from graphc.errors import ArgumentError, DataError

from .batches import Examples


def weighted(data: Examples, class_weight: Mapping[int, float] | None) -> Examples:
    """The examples, each weighing as its class says, times its own weight.

    Targets are class numbers, or rows that are largest at the class; a class without a weight
    weighs 1.

    >>> from graphc.frontend.training.batches import examples
    >>> weighted(examples([1, 2, 3], [0, 2, 1]), {0: 5.0, 2: 0.5}).weights
    array([5. , 0.5, 1. ], dtype=float32)

    Raises:
        DataError: several targets, or none.
        ArgumentError: weights that are no dict of numbers by class.
    """
    if class_weight is None:
        return data
    if not isinstance(class_weight, Mapping):
        raise ArgumentError(
            "class_weight is a dict", received=repr(class_weight), expected="{0: 1.0, 1: 2.5}"
        )
    if not isinstance(data.targets, np.ndarray):
        raise DataError(
            "class_weight needs one array of targets",
            received=type(data.targets).__name__,
            fix="give weights of examples as sample_weight",
        )
    classes = _classes(data.targets)
    factors = np.ones(classes.shape, np.float32)
    for number, weight in class_weight.items():
        factors[classes == int(number)] = weight
    if data.weights is None:
        return replace(data, weights=factors)
    if not isinstance(data.weights, np.ndarray):
        raise ArgumentError("class_weight goes with one array of sample_weight")
    own = data.weights.astype(np.float32)
    return replace(data, weights=own * factors.reshape(factors.shape + (1,) * (own.ndim - 1)))


def _classes(targets: np.ndarray) -> np.ndarray:
    """The class number of each example."""
    if targets.ndim > 1 and targets.shape[-1] > 1:
        return targets.argmax(-1)
    flat = targets.reshape(len(targets), -1)[:, 0] if targets.ndim > 1 else targets
    return np.round(flat).astype(np.int64)
