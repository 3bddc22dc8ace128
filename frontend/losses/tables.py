"""Losses by name: classes under their names, functions under theirs and under short ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from graphc.frontend.lookup import Config, config_of, no_such, revived

from . import crossentropy, divergence, focal, margins, overlap, regression, sequence, similarity
from .loss import Function, FunctionLoss, Loss

Given = str | type[Loss] | Loss | Function | Config

# fmt: off
CLASSES: tuple[type[Loss], ...] = (
    regression.MeanSquaredError,             regression.MeanAbsoluteError,
    regression.MeanAbsolutePercentageError,  regression.MeanSquaredLogarithmicError,
    regression.Huber,                        regression.LogCosh,
    regression.CosineSimilarity,
    margins.Hinge,                             margins.SquaredHinge,
    margins.CategoricalHinge,
    divergence.KLDivergence,                 divergence.Poisson,
    crossentropy.BinaryCrossentropy,         crossentropy.CategoricalCrossentropy,
    crossentropy.SparseCategoricalCrossentropy,
    focal.BinaryFocalCrossentropy,           focal.CategoricalFocalCrossentropy,
    focal.CategoricalGeneralizedCrossEntropy,
    overlap.Dice,                            overlap.Tversky,
    similarity.Circle,                       sequence.CTC,
)

FUNCTIONS: dict[str, Function] = {
    "mean_squared_error": regression.mean_squared_error,
    "mean_absolute_error": regression.mean_absolute_error,
    "mean_absolute_percentage_error": regression.mean_absolute_percentage_error,
    "mean_squared_logarithmic_error": regression.mean_squared_logarithmic_error,
    "huber": regression.huber,                  "log_cosh": regression.log_cosh,
    "cosine_similarity": regression.cosine_similarity,
    "hinge": margins.hinge,                       "squared_hinge": margins.squared_hinge,
    "categorical_hinge": margins.categorical_hinge,
    "kl_divergence": divergence.kl_divergence,  "poisson": divergence.poisson,
    "kullback_leibler_divergence": divergence.kl_divergence,
    "binary_crossentropy": crossentropy.binary_crossentropy,
    "categorical_crossentropy": crossentropy.categorical_crossentropy,
    "sparse_categorical_crossentropy": crossentropy.sparse_categorical_crossentropy,
    "binary_focal_crossentropy": focal.binary_focal_crossentropy,
    "categorical_focal_crossentropy": focal.categorical_focal_crossentropy,
    "categorical_generalized_cross_entropy": focal.categorical_generalized_cross_entropy,
    "dice": overlap.dice,                       "tversky": overlap.tversky,
    "circle": similarity.circle,                "ctc": sequence.ctc,
    "mse": regression.mean_squared_error,       "mae": regression.mean_absolute_error,
    "mape": regression.mean_absolute_percentage_error,
    "msle": regression.mean_squared_logarithmic_error,
    "bce": crossentropy.binary_crossentropy,    "kld": divergence.kl_divergence,
    "logcosh": regression.log_cosh,
}
# fmt: on

# Short names are also written in capitals, which `find` does not mind.
BY_NAME: dict[str, type[Loss] | Function] = {**FUNCTIONS, **{c.__name__: c for c in CLASSES}}


def get(identifier: Given | None) -> Loss | Function | None:
    """The function or loss object meant by a name, class, object, function or config.

    Names of functions give the function, names of classes an object of the class.

    >>> get("mse") is regression.mean_squared_error, get("Huber").name
    (True, 'huber_loss')

    Raises:
        UnknownNameError: no loss of that name.
        ArgumentError: something that is no loss.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str | Mapping):
        return deserialize(cast("str | Config", identifier))
    if not callable(identifier):
        raise no_such("loss", identifier)
    return identifier() if isinstance(identifier, type) else identifier


def as_loss(given: Given) -> Loss:
    """The same as a loss object, which `compile` wants.

    >>> as_loss("mse").name, as_loss(crossentropy.BinaryCrossentropy).name
    ('mean_squared_error', 'binary_crossentropy')
    """
    found = get(given)
    assert found is not None, "a loss was given"
    if isinstance(found, Loss):
        return found
    # The class knows more than the function: what targets may be.
    known = next((n for n, f in FUNCTIONS.items() if f is found), None)
    same = {c.__name__.casefold(): c for c in CLASSES}.get((known or "").replace("_", ""))
    return same() if same is not None else FunctionLoss(found)


def serialize(loss: Loss | Function) -> str | Config:
    """The config of a loss object; for a function its name.

    >>> serialize(regression.Huber(delta=2.0))["config"]["delta"]
    2.0
    """
    if isinstance(loss, Loss):
        return config_of(loss)
    known = next((n for n, f in FUNCTIONS.items() if f is loss), None)
    return known or loss.__name__


def deserialize(
    config: str | Config, custom_objects: Mapping[str, type[Loss] | Function] | None = None
) -> Loss | Function:
    """What `serialize` described; `custom_objects` are losses of the user by name."""
    table = {**BY_NAME, **(custom_objects or {})}
    return cast("Loss | Function", revived("loss", table, config))
