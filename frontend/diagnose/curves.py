"""Curves as diagnosis reads them: from a history or a file, and what can be measured on one."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast, final, runtime_checkable

import numpy as np

from graphc.errors import ArgumentError, DataError, UnknownNameError

Lists = Mapping[str, Sequence[float]]


@runtime_checkable
class HasHistory(Protocol):
    """What `fit` returns, as far as it matters here."""

    @property
    def history(self) -> Lists:
        """A list per number."""
        ...


Given = HasHistory | Lists | str | Path


def lists_of(given: Given) -> dict[str, np.ndarray]:
    """The numbers of each epoch by name, from a History, a mapping or a file of CSVLogger.

    Raises:
        ArgumentError: something else.
        DataError: a file that is no table of numbers.
    """
    if isinstance(given, str | Path):
        return _read(Path(given))
    lists = given.history if isinstance(given, HasHistory) else given
    if not isinstance(lists, Mapping):
        raise ArgumentError(
            "no curves",
            received=type(given).__name__,
            expected="what fit returns, a dict of lists, or the file of a CSVLogger",
        )
    found = {name: np.asarray(values) for name, values in lists.items()}
    return {name: a.astype(np.float64) for name, a in found.items() if a.ndim == 1}


def is_accuracy(name: str) -> bool:
    """Whether a curve of this name is a share of right answers.

    >>> [is_accuracy(n) for n in ("acc", "accuracy", "head_accuracy", "binary_accuracy", "mae")]
    [True, True, True, True, False]
    """
    return name == "acc" or name.endswith(("accuracy", "_acc"))


def _read(path: Path) -> dict[str, np.ndarray]:
    """The columns of a table with a line of names; commas, semicolons or tabs."""
    if not path.is_file():
        raise DataError("there is no such file", received=path)
    with path.open(newline="", encoding="utf-8") as file:
        first = file.readline()
        separator = max(",;\t", key=first.count)
        file.seek(0)
        rows = list(csv.reader(file, delimiter=separator))
    names = rows[0] if rows else []
    try:
        columns = {name: [_number(row[i]) for row in rows[1:]] for i, name in enumerate(names)}
    except (ValueError, IndexError):
        raise DataError(
            "this is no table of numbers under a line of names", received=path
        ) from None
    return {name: np.array(values) for name, values in columns.items()}


def _number(text: str) -> float:
    return math.nan if text.strip() in ("", "NA") else float(text)


def found_name(lists: Mapping[str, np.ndarray], monitor: str) -> str:
    """The name under which the lists have a number; acc and accuracy are one name.

    Raises:
        UnknownNameError: there is none.
    """
    others = ("acc", "accuracy") if monitor in ("acc", "accuracy") else (monitor,)
    for name in (monitor, *others):
        if name in lists:
            return name
    raise UnknownNameError(
        "the history has no such curve", received=repr(monitor), expected=", ".join(lists)
    )


@final
@dataclass(frozen=True)
class Curve:
    """A curve that is to fall, with a number for each epoch."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def noise(self) -> float:
        """The standard deviation of what varies from epoch to epoch.

        From the median of |second differences|, which smooth curves leave near 0 and in which
        single jumps do not count. Those of noise change their sign most of the time (3 of 4 times);
        where nearly none does, they are the bend of a short, smooth curve and no noise.
        """
        if len(self) < 5:
            return 0.0
        second = np.diff(self.values, 2)
        found = float(np.median(np.abs(second)) / (0.6745 * math.sqrt(6)))
        same = float((second[1:] * second[:-1] > 0).mean())
        return found / 10 if same > 0.8 else found

    @cached_property
    def smooth(self) -> np.ndarray:
        """Means over a tenth of the epochs around each, but of three at least."""
        half = max(1, len(self) // 20)
        sums = np.concatenate([[0.0], np.cumsum(self.values)])
        low = np.maximum(np.arange(len(self)) - half, 0)
        high = np.minimum(np.arange(len(self)) + half + 1, len(self))
        return cast(np.ndarray, (sums[high] - sums[low]) / (high - low))

    @property
    def start(self) -> float:
        """The first number."""
        return float(self.values[0])

    @property
    def end(self) -> float:
        """The mean of the last tenth, but of three epochs at least."""
        return float(self.values[-max(3, len(self) // 10) :].mean())

    @property
    def lowest(self) -> int:
        """The epoch of the lowest number."""
        return int(np.argmin(self.values))

    def trend(self, begin: int) -> Trend:
        """The straight line through the epochs from `begin` on (least squares)."""
        y = self.values[begin:]
        x = np.arange(len(y)) - (len(y) - 1) / 2
        square = float((x * x).sum()) or 1.0
        slope = float((x * y).sum()) / square
        error = max(self.noise, 1e-9 * float(np.abs(self.values).max()), 1e-300)
        return Trend(slope, slope * (len(y) - 1), slope * math.sqrt(square) / error)


@final
@dataclass(frozen=True, slots=True)
class Trend:
    """A line: its slope, how far it leads, and the slope in units of its own uncertainty."""

    slope: float
    change: float
    certainty: float
