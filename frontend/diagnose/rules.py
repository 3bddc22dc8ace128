"""The rules of diagnosis: what must hold of the curves for each verdict.

A curve falls by its *drop*, from the first epoch to the mean of the last ones; other differences
are measured against it, and against the noise of the curves. A training loss is a mean over an
epoch in which weights improve, so validation is compared with half an epoch later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from .advice import Label
from .curves import Curve, Trend
from .report import Finding

SHORTEST = 5  # epochs that a verdict needs

# fmt: off
LEARNT   = 0.20  # a drop below this share of the first loss is no learning
FALLING  = 0.06  # what is to be gained in another quarter of the epochs, as a share of the drop
RISE     = 0.10  # how far validation rises after its minimum, of the minimum or of the drop
GAP      = 0.20  # validation above training, as a share of the drop
EASIER   = 0.04  # validation below training, as a share of the drop
JUMPS    = 0.05  # the noise of a validation set that is too small, as a share of the drop
CRAWL    = 0.02  # a steady drop of this share of the first loss is slow learning
CERTAIN  = 3.0   # in standard deviations
# fmt: on


@final
@dataclass(frozen=True)
class Curves:
    """What the rules read. `known_good` says that the training error is small enough anyway,
    `training_only` that the model has parts that make training look worse."""

    train: Curve
    validation: Curve | None
    names: tuple[str, str]
    known_good: bool = False
    training_only: bool = False

    @cached_property
    def drop(self) -> float:
        """How far the training loss fell."""
        return self.train.start - self.train.end

    @property
    def scale(self) -> float:
        """What distances are compared with: the drop, or what would be one."""
        least = 1.0 if self.known_good else LEARNT
        return max(abs(self.drop), least * abs(self.train.start))

    @cached_property
    def tail(self) -> int:
        """Where the last quarter of the epochs begins, but four of them at least."""
        return len(self.train) - max(4, len(self.train) // 4)

    @cached_property
    def distance(self) -> np.ndarray:
        """Validation minus training, in the second half of the epochs."""
        assert self.validation is not None, "a distance is one of two curves"
        train = self.train.values
        later = np.append((train[:-1] + train[1:]) / 2, train[-1])
        half = len(self.train) // 2
        return (self.validation.values - later)[half:]

    @property
    def both_noise(self) -> float:
        """The noise of the distance."""
        assert self.validation is not None, "a distance is one of two curves"
        return float(np.hypot(self.train.noise, self.validation.noise))

    @property
    def learnt(self) -> bool:
        """Whether the training loss fell by more than noise."""
        least = max(LEARNT * abs(self.train.start), 3 * self.train.noise)
        return self.drop > least

    @property
    def falls(self) -> bool:
        """Whether training still improves at the end."""
        trend = self.train.trend(self.tail)
        gain = -trend.change
        return gain > FALLING * max(self.drop, 0.0) and trend.certainty < -CERTAIN

    @property
    def best(self) -> int | None:
        """The epoch of the lowest number that counts."""
        curve = self.validation or self.train
        finite = np.isfinite(curve.values)
        return int(np.nanargmin(np.where(finite, curve.values, np.nan))) if finite.any() else None


Rule = Callable[[Curves], str | None]


def findings_of(curves: Curves) -> list[Finding]:
    """The verdicts on the curves of one number: at least one."""
    for label, rule in ALONE.items():
        if (evidence := rule(curves)) is not None:
            return [Finding(label, evidence)]
    found: list[Finding] = []
    if curves.validation is not None:
        told = ((label, rule(curves)) for label, rule in PAIRED.items())
        first = next(((label, text) for label, text in told if text is not None), None)
        if first is not None:
            epoch = curves.best if first[0] is Label.OVERFITTING else None
            found.append(Finding(*first, epoch))
    if (evidence := _needs_training(curves)) is not None and not _overfits(found):
        found.append(Finding(Label.NEEDS_TRAINING, evidence))
    return found or [_good(curves)]


def _overfits(found: list[Finding]) -> bool:
    return any(finding.label is Label.OVERFITTING for finding in found)


def _good(curves: Curves) -> Finding:
    train, validation = curves.names
    fell = f"{train} fell from {curves.train.start:.4g} to {curves.train.end:.4g} and is flat"
    if curves.validation is None:
        return Finding(Label.NO_VALIDATION, f"{fell}; there is no {validation}")
    return Finding(
        Label.GOOD_FIT, f"{fell}; {validation} stays close to it ({curves.validation.end:.4g})"
    )


# ---------------------------------------------------------------------------- one curve


def _diverged(curves: Curves) -> str | None:
    name, values = curves.names[0], curves.train.values
    if not np.isfinite(values).all():
        epoch = int(np.argmin(np.isfinite(values)))
        return f"{name} is {values[epoch]} from epoch {epoch} on (counted from 0)"
    if len(values) < SHORTEST:
        return None
    if -curves.drop > max(LEARNT * abs(curves.train.start), CERTAIN * curves.train.noise):
        return f"{name} rises from {curves.train.start:.4g} to {curves.train.end:.4g}"
    return None


def _too_short(curves: Curves) -> str | None:
    count = len(curves.train)
    same = curves.validation is None or len(curves.validation) == count
    if count >= SHORTEST and same:
        return None
    return (
        f"there are {count} epochs of {curves.names[0]}; a verdict needs {SHORTEST} of each curve"
    )


def _no_capacity(curves: Curves) -> str | None:
    trend = curves.train.trend(0)
    crawls = curves.drop > CRAWL * abs(curves.train.start)
    slow = crawls and trend.certainty < -CERTAIN and curves.falls
    if curves.learnt or curves.known_good or slow:
        return None
    kind = "jumps about" if curves.train.noise > 0.03 * abs(curves.train.start) else "is flat"
    return (
        f"{curves.names[0]} {kind}: {curves.train.start:.4g} in the first epoch, "
        f"{curves.train.end:.4g} in the last ones"
    )


def _needs_training(curves: Curves) -> str | None:
    if not curves.falls:
        return None
    if curves.validation is not None:
        ahead: Trend = curves.validation.trend(curves.tail)
        if ahead.slope >= 0 and ahead.certainty > -1:
            return None
    gain = -curves.train.trend(curves.tail).change
    return (
        f"{curves.names[0]} still falls: by {gain:.4g} in the last "
        f"{len(curves.train) - curves.tail} epochs, to {curves.train.end:.4g}"
    )


# ---------------------------------------------------------------------------- two curves


def _overfitting(curves: Curves) -> str | None:
    curve = curves.validation
    assert curve is not None, "paired rules see two curves"
    lowest = int(np.argmin(curve.smooth))
    if len(curve) - lowest < 4:
        return None
    trend, bottom = curve.trend(lowest), float(curve.smooth[lowest])
    rise = curve.end - bottom
    scales = [curves.scale, *([bottom] if bottom > 0 else [])]
    if rise < max(RISE * min(scales), 2 * curve.noise) or trend.certainty < CERTAIN:
        return None
    best = curve.lowest
    return (
        f"{curves.names[1]} is lowest at epoch {best} (counted from 0) with "
        f"{curve.values[best]:.4g} and then rises to {curve.end:.4g}, while {curves.names[0]} "
        f"goes from {curves.train.values[best]:.4g} to {curves.train.end:.4g}"
    )


def _small_validation_set(curves: Curves) -> str | None:
    curve = curves.validation
    assert curve is not None, "paired rules see two curves"
    around = abs(float(curves.distance.mean())) < 2 * curve.noise
    noisy = curve.noise > max(JUMPS * curves.scale, 3 * curves.train.noise)
    if not (around and noisy):
        return None
    return (
        f"{curves.names[1]} jumps around {curves.names[0]} by {curve.noise:.2g} from epoch to "
        f"epoch, {curves.names[0]} itself by {curves.train.noise:.2g}"
    )


def _easy_validation_set(curves: Curves) -> str | None:
    distance = float(curves.distance.mean())
    below = float((curves.distance < 0).mean())
    if distance > -EASIER * curves.scale or below < 0.8:
        return None
    if -distance < 3 * curves.both_noise / np.sqrt(len(curves.distance)):
        return None
    text = f"{curves.names[1]} is below {curves.names[0]} by {-distance:.4g}"
    if curves.training_only:
        text += "; the model has dropout, noise or penalties, which by themselves can do this"
    return text


def _small_training_set(curves: Curves) -> str | None:
    curve, distance = curves.validation, float(curves.distance.mean())
    assert curve is not None, "paired rules see two curves"
    if distance < max(GAP * curves.scale, 3 * curves.both_noise / np.sqrt(len(curve) / 2)):
        return None
    return (
        f"{curves.names[0]} falls to {curves.train.end:.4g}, but {curves.names[1]} stays "
        f"{distance:.4g} above it ({curve.end:.4g})"
    )


# The first rule that applies decides; those of two curves come after those of one.
ALONE: dict[Label, Rule] = {
    Label.DIVERGED: _diverged,
    Label.TOO_SHORT: _too_short,
    Label.NO_CAPACITY: _no_capacity,
}
PAIRED: dict[Label, Rule] = {
    Label.OVERFITTING: _overfitting,
    Label.SMALL_VALIDATION_SET: _small_validation_set,
    Label.EASY_VALIDATION_SET: _easy_validation_set,
    Label.SMALL_TRAINING_SET: _small_training_set,
}
