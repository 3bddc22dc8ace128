"""Metrics by name: classes under their names, in both spellings, and under short ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from graphc.frontend import losses
from graphc.frontend.lookup import Config, config_of, find, no_such, revived
from graphc.frontend.naming import snake_case
from graphc.ir.node import Tensor

from . import accuracies, correlation, counts, curves, errors, fscore, overlap
from .mean import Mean, MeanMetricWrapper, Sum
from .metric import Metric

Function = Callable[[Tensor, Tensor], Tensor]
Given = str | type[Metric] | Metric | type[losses.Loss] | losses.Loss | Function | Config

# fmt: off
CLASSES: tuple[type[Metric], ...] = (
    Mean, Sum, MeanMetricWrapper,
    accuracies.Accuracy,                     accuracies.BinaryAccuracy,
    accuracies.CategoricalAccuracy,          accuracies.SparseCategoricalAccuracy,
    accuracies.TopKCategoricalAccuracy,      accuracies.SparseTopKCategoricalAccuracy,
    errors.MeanSquaredError,               errors.RootMeanSquaredError,
    errors.MeanAbsoluteError,              errors.MeanAbsolutePercentageError,
    errors.MeanSquaredLogarithmicError,    errors.LogCoshError,
    errors.CosineSimilarity,               errors.Hinge,
    errors.SquaredHinge,                   errors.CategoricalHinge,
    errors.KLDivergence,                   errors.Poisson,
    errors.BinaryCrossentropy,             errors.CategoricalCrossentropy,
    errors.SparseCategoricalCrossentropy,
    correlation.PearsonCorrelation,        correlation.ConcordanceCorrelation,
    correlation.R2Score,
    counts.TruePositives,                  counts.FalsePositives,
    counts.TrueNegatives,                  counts.FalseNegatives,
    counts.Precision,                      counts.Recall,
    curves.AUC,
    curves.SensitivityAtSpecificity,       curves.SpecificityAtSensitivity,
    curves.PrecisionAtRecall,              curves.RecallAtPrecision,
    fscore.FBetaScore,                     fscore.F1Score,
    overlap.ConfusionMatrix,               overlap.IoU,
    overlap.BinaryIoU,                     overlap.MeanIoU,
    overlap.OneHotIoU,                     overlap.OneHotMeanIoU,
)
SHORT: dict[str, type[Metric]] = {
    "mse": errors.MeanSquaredError,        "mae": errors.MeanAbsoluteError,
    "mape": errors.MeanAbsolutePercentageError,
    "msle": errors.MeanSquaredLogarithmicError,
    "rmse": errors.RootMeanSquaredError,   "bce": errors.BinaryCrossentropy,
    "kld": errors.KLDivergence,
}
# fmt: on

BY_NAME: dict[str, type[Metric]] = {
    **{snake_case(c.__name__): c for c in CLASSES},
    **{c.__name__: c for c in CLASSES},
    **SHORT,
}
# In `compile` these two mean the accuracy that fits targets and predictions.
BY_SHAPE = ("accuracy", "acc")


def get(identifier: Given | None) -> Metric | Function | None:
    """The metric meant by a name, class, object or config; functions stay themselves.

    >>> type(get("mse")).__name__, get("AUC").name
    ('MeanSquaredError', 'auc')

    Raises:
        UnknownNameError: no metric of that name.
        ArgumentError: something that is no metric.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str | Mapping):
        return deserialize(cast("str | Config", identifier))
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Metric):
        return identifier
    if not callable(identifier):
        raise no_such("metric", identifier)
    return cast(Function, identifier)


def as_metric(given: Given) -> Metric:
    """The metric that `compile` makes of it, reported under the name by which it was asked for.

    Losses and functions (y_true, y_pred) become the weighted means of their values.

    >>> as_metric("acc").name, as_metric(losses.huber).name
    ('acc', 'huber')
    """
    if isinstance(given, str):
        return _named(given)
    if isinstance(given, losses.Loss) or (
        isinstance(given, type) and issubclass(given, losses.Loss)
    ):
        loss = losses.as_loss(given)
        return MeanMetricWrapper(loss.call, loss.name)
    found = get(given)
    if isinstance(found, Metric):
        return found
    assert found is not None, "a metric was given"
    return MeanMetricWrapper(found)


def _named(name: str) -> Metric:
    if name.casefold() in BY_SHAPE:
        return MeanMetricWrapper(accuracies.accuracy, name)
    if name not in BY_NAME and name in losses.BY_NAME:
        return MeanMetricWrapper(losses.as_loss(name).call, name)
    metric = find("metric", BY_NAME, name)()
    metric.name = name
    return metric


def serialize(metric: Metric | Function) -> str | Config:
    """The config of a metric; for a function its name."""
    if isinstance(metric, Metric):
        return config_of(metric)
    return losses.serialize(metric)


def deserialize(
    config: str | Config, custom_objects: Mapping[str, type[Metric]] | None = None
) -> Metric:
    """What `serialize` described; `custom_objects` are metrics of the user by name."""
    return cast(Metric, revived("metric", {**BY_NAME, **(custom_objects or {})}, config))
