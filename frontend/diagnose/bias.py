"""Bias and variance from two errors: that on the training examples, and that on new ones."""

from __future__ import annotations

import math

from graphc.errors import ArgumentError

from .advice import Label
from .report import Finding


def bias_and_variance(
    training_error: float, validation_error: float, *, target: float = 0.0,
    tolerance: float = 0.05,
) -> Finding:  # fmt: skip
    """The verdict on two error rates, as shares of 1.

    Bias is high if training_error - target > tolerance, variance if validation_error -
    training_error > tolerance. `target` is the error that the task allows at best, such as that of
    people.

    >>> for errors in ((0.01, 0.11), (0.15, 0.16), (0.15, 0.30), (0.005, 0.01)):
    ...     print(bias_and_variance(*errors).label)
    high variance (overfitting)
    high bias (underfitting)
    high bias and high variance (a poor model)
    low bias and low variance (just right)

    Raises:
        ArgumentError: an error rate outside of 0 .. 1.
    """
    for rate in (training_error, validation_error, target):
        if not 0 <= rate <= 1:
            raise ArgumentError(
                "an error rate is a share of 1", received=rate, fix="divide percents by 100"
            )
    biased = _above(training_error - target, tolerance)
    varied = _above(validation_error - training_error, tolerance)
    evidence = (
        f"{training_error:.1%} errors in training, {validation_error:.1%} in validation"
        f"{f', {target:.1%} at best' if target else ''}"
    )
    return Finding(_LABELS[biased, varied], evidence)


_LABELS = {
    (False, True): Label.HIGH_VARIANCE,
    (True, False): Label.HIGH_BIAS,
    (True, True): Label.HIGH_BIAS_AND_VARIANCE,
    (False, False): Label.LOW_BIAS_AND_VARIANCE,
}


def _above(value: float, limit: float) -> bool:
    return value > limit and not math.isclose(value, limit, abs_tol=1e-9)
