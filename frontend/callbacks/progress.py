"""What is printed during training: a bar per epoch, a line per epoch, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from math import inf
from typing import Protocol, cast, final

import numpy as np
from tqdm import tqdm

from graphc.errors import ArgumentError

from .callback import Callback, Logs


@final
class ProgbarLogger(Callback):
    """Shows how far each epoch is; `fit`, `evaluate` and `predict` add it where verbose is not 0.

    `verbose` is 1 for a bar, 2 for a line per epoch, "auto" for a bar in terminals and notebooks
    and lines elsewhere; by default it is what `fit` was told.
    """

    def __init__(self, verbose: int | str | None = None) -> None:
        super().__init__()
        self.verbose = verbose
        self._shown: Progress = _Silent()
        self._inside = self._testing = False
        self._settle("auto" if verbose is None else verbose)

    def set_params(self, params: Mapping[str, object]) -> None:
        super().set_params(params)
        said = params.get("verbose", "auto") if self.verbose is None else self.verbose
        self._settle(said if isinstance(said, str) else cast(int, said))

    def _settle(self, verbose: int | str) -> None:
        self._kind = _settled(verbose)
        self.pace = 0.1 if self._kind == 1 else inf

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._inside = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._inside = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin(f"epoch {epoch + 1}/{self.params.get('epochs', '?')}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._shown.finish(logs or {})

    def on_test_begin(self, logs: Logs | None = None) -> None:
        # Validation is part of the epoch that is shown, and shows no bar of its own.
        self._testing = self._inside
        if not self._inside:
            self._begin("evaluate")

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._testing = False
        if not self._inside:
            self._shown.finish(logs or {})

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin("predict")

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._shown.finish({})

    def on_stretch_end(self, batches: int, logs: Logs | None = None) -> None:
        if not self._testing:
            self._shown.advance(logs or {}, batches)

    def _begin(self, title: str) -> None:
        steps = cast("int | None", self.params.get("steps"))
        self._shown = progress(self._kind, steps, title)


class Progress(Protocol):
    """Told about batches and the end of an epoch."""

    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        """So many more batches, with the means so far."""
        ...

    def finish(self, numbers: Mapping[str, float]) -> None:
        """The epoch is over."""
        ...


def progress(verbose: int | str, batches: int | None, title: str) -> Progress:
    """The display of an epoch: 0 silent, 1 a bar, 2 a line at the end.

    "auto" is a bar in terminals and notebooks, and a line where output goes to a file.
    """
    kinds = (lambda: _Silent(), lambda: _Bar(batches, title), lambda: _Line(title))
    return kinds[_settled(verbose)]()


def _settled(verbose: int | str) -> int:
    if verbose == "auto":
        return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
    if verbose not in (0, 1, 2):
        raise ArgumentError("no such verbose", received=repr(verbose), expected="0, 1, 2 or 'auto'")
    return int(verbose)


def in_words(numbers: Mapping[str, float]) -> str:
    """The numbers in one line: `loss 0.3125  accuracy 0.9062`."""
    single = ((name, value) for name, value in numbers.items() if np.ndim(value) == 0)
    return "  ".join(f"{name} {_short(value)}" for name, value in single)


def _short(value: float) -> str:
    """Four digits, also of learning rates."""
    return f"{value:.4f}" if value == 0 or not abs(value) < 1e-3 else f"{value:.3e}"


@final
class _Silent:
    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        pass

    def finish(self, numbers: Mapping[str, float]) -> None:
        pass


@final
class _Line:
    def __init__(self, title: str) -> None:
        self.title = title

    def advance(self, numbers: Mapping[str, float], batches: int) -> None:
        pass

    def finish(self, numbers: Mapping[str, float]) -> None:
        print(f"{self.title}  {in_words(numbers)}", flush=True)


@final
class _Bar:
    def __init__(self, batches: int | None, title: str) -> None:
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
