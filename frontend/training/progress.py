"""What is printed during training: a bar per epoch, a line per epoch, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from math import inf
from typing import Protocol, final

import numpy as np
from tqdm import tqdm

from graphc.errors import ArgumentError


class Progress(Protocol):
    """Told about batches and the end of an epoch.

    Attributes:
        seconds: how often it wants to be told.
    """

    seconds: float

    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        """So many more batches, with the means so far."""
        ...

    def finish(self, numbers: Mapping[str, float]) -> None:
        """The epoch is over."""
        ...


def progress(verbose: int | str, batches: int, title: str) -> Progress:
    """The display of an epoch: 0 silent, 1 a bar, 2 a line at the end.

    "auto" is a bar in terminals and notebooks, and a line where output goes to a file.
    """
    if verbose == "auto":
        verbose = 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
    match verbose:
        case 0:
            return _Silent()
        case 1:
            return _Bar(batches, title)
        case 2:
            return _Line(title)
    raise ArgumentError("no such verbose", received=repr(verbose), expected="0, 1, 2 or 'auto'")


def in_words(numbers: Mapping[str, float]) -> str:
    """The numbers in one line: `loss 0.3125  accuracy 0.9062`."""
    single = ((name, value) for name, value in numbers.items() if np.ndim(value) == 0)
    return "  ".join(f"{name} {value:.4f}" for name, value in single)


@final
class _Silent:
    seconds = inf

    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        pass

    def finish(self, numbers: Mapping[str, float]) -> None:
        pass


@final
class _Line:
    seconds = inf

    def __init__(self, title: str) -> None:
        self.title = title

    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        pass

    def finish(self, numbers: Mapping[str, float]) -> None:
        print(f"{self.title}  {in_words(numbers)}", flush=True)


@final
class _Bar:
    seconds = 0.1

    def __init__(self, batches: int, title: str) -> None:
        layout = "{desc} {bar:20} {n_fmt}/{total_fmt} [{elapsed}, {rate_fmt}]{postfix}"
        self.bar = tqdm(
            total=batches, desc=title, unit=" batches", file=sys.stdout, bar_format=layout
        )

    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        self.bar.set_postfix_str(in_words(numbers), refresh=False)
        self.bar.update(batches)

    def finish(self, numbers: Mapping[str, float]) -> None:
        self.bar.set_postfix_str(in_words(numbers))
        self.bar.close()
