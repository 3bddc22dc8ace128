"""Learning-rate schedules by class and name."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.frontend.lookup import Config, config_of, resolve

from .cosine import CosineDecay, CosineDecayRestarts
from .decay import ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay
from .schedule import LearningRateSchedule

ALL: tuple[type[LearningRateSchedule], ...] = (
    ExponentialDecay, InverseTimeDecay, PolynomialDecay, PiecewiseConstantDecay, CosineDecay,
    CosineDecayRestarts,
)  # fmt: skip
BY_NAME: dict[str, type[LearningRateSchedule]] = {kind.__name__: kind for kind in ALL}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, object]:
    """The class and the arguments of a schedule, as `deserialize` takes them."""
    return config_of(learning_rate_schedule)


def deserialize(
    config: Config, custom_objects: Mapping[str, type] | None = None
) -> LearningRateSchedule:
    """The schedule of a config; `custom_objects` are classes of your own, by name.

    >>> config = serialize(CosineDecay(0.1, 100))
    >>> deserialize(config).get_config() == config["config"]
    True
    """
    table = {**BY_NAME, **(custom_objects or {})}
    return resolve("schedule", table, config, LearningRateSchedule)


__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]
