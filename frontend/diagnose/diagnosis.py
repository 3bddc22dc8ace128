"""`diagnose`: from the curves of a training to verdicts. The rules are in rules.py."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.members import parts_of
from graphc.frontend.seeds import SeedGenerator

from .advice import Label
from .bias import bias_and_variance
from .curves import Curve, Given, found_name, is_accuracy, lists_of
from .report import Finding, Report
from .rules import SHORTEST, Curves, findings_of


def diagnose(
    history: Given, *, monitor: str = "loss", model: Layer | None = None,
    target_error: float = 0.0, tolerance: float = 0.05,
) -> Report:  # fmt: skip
    """What the curves of a training say, and what to do about it.

    `history` is what `fit` returns, its dict of lists, or the file of a CSVLogger. `monitor` is the
    curve to read; one of accuracy is read as errors, 1 - accuracy. Where there are accuracies, the
    last ones also give a verdict on bias and variance (see `bias_and_variance`). With the `model`
    it is known whether something in it acts in training only and so makes training look worse.

    >>> report = diagnose({"loss": [1, 0.5, 0.25, 0.12, 0.06, 0.03, 0.02, 0.01, 0.01, 0.01],
    ...                    "val_loss": [1, 0.6, 0.4, 0.3, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]})
    >>> print(report.label, report.best_epoch)
    overfitting 3

    Raises:
        ArgumentError: no curves.
        UnknownNameError: no curve of that name.
        DataError: a file that is no table.
    """  # fmt: skip
    lists = lists_of(history)
    name = found_name(lists, monitor.removeprefix("val_"))
    is_share = is_accuracy(name)
    train = _falling(lists[name], is_share)
    other = lists.get(f"val_{name}")
    validation = _falling(other, is_share) if other is not None else None
    rates = _rates(lists)
    known = rates is not None and rates[0] - target_error <= tolerance
    words = (f"1 - {name}", f"1 - val_{name}") if is_share else (name, f"val_{name}")
    only = model is not None and acts_in_training_only(model)
    curves = Curves(train, validation, words, known, only)
    found = findings_of(curves)
    if rates is not None and len(train) >= SHORTEST and found[0].label is not Label.DIVERGED:
        found.append(bias_and_variance(*rates, target=target_error, tolerance=tolerance))
    return Report(tuple(_sorted(found)), curves.best)


def acts_in_training_only(model: Layer) -> bool:
    """Whether a model drops, adds noise or adds penalties while it trains.

    >>> from graphc.frontend.layers import Dense, Dropout
    >>> acts_in_training_only(Dropout(0.5)), acts_in_training_only(Dense(3))
    (True, False)
    """
    parts = parts_of(model)
    return any(
        _draws(part) or part.weight_rules.regularizers or part.activity_regularizer
        for part in parts
    )


def _draws(part: Layer) -> bool:
    """Whether a layer draws random numbers; recurrent ones do not if their rates are 0."""
    kept = vars(part)
    rates = [kept[name] for name in ("rate", "dropout", "recurrent_dropout") if name in kept]
    random = any(isinstance(value, SeedGenerator) for value in kept.values())
    return random and (not rates or any(rate != 0 for rate in rates))


def _falling(values: np.ndarray, is_share: bool) -> Curve:
    return Curve(1 - values if is_share else values)


def _rates(lists: Mapping[str, np.ndarray]) -> tuple[float, float] | None:
    """The last error rates in training and validation; among the first few guesses is no answer."""
    for name, values in lists.items():
        other = lists.get(f"val_{name}")
        if is_accuracy(name) and "top" not in name and other is not None and len(other):
            first, second = 1 - Curve(values).end, 1 - Curve(other).end
            if 0 <= first <= 1 and 0 <= second <= 1:
                return first, second
    return None


def _sorted(found: list[Finding]) -> list[Finding]:
    """A verdict of good news stands behind one of bad news."""
    good = (Label.GOOD_FIT, Label.NO_VALIDATION, Label.LOW_BIAS_AND_VARIANCE)
    return sorted(found, key=lambda finding: finding.label in good)
