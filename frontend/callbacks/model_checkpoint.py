"""Writing the model to files while it is trained."""

from __future__ import annotations

from math import gcd
from pathlib import Path
from typing import cast, final

from graphc.errors import ArgumentError, UnknownNameError

from .callback import Callback, Logs
from .monitor import MonitorCallback


@final
class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after every epoch or every `save_freq` batches.

    `filepath` may have the number of the epoch, from 1, and any number of it in its name:
    "models/{epoch:02d}-{val_loss:.2f}.graphc". With `save_best_only` a model is saved only if
    `monitor` is better than all before, and than `initial_value_threshold`.

    Raises:
        ArgumentError: a `save_freq` that is neither "epoch" nor a positive number.
        UnknownNameError: a number in `filepath` that training does not have.
    """

    def __init__(
        self, filepath: str | Path, monitor: str = "val_loss", verbose: int = 0,
        save_best_only: bool = False, save_weights_only: bool = False, mode: str = "auto",
        save_freq: str | int = "epoch", initial_value_threshold: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq, self._counter = save_freq, BatchCounter(save_freq)
        self._epoch = 0

    def batches_between_calls(self, kind: str, at_once: int) -> int:
        return self._counter.between(self, kind)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._counter.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._counter.is_due(batch):
            self._save({**(logs or {}), "batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs) -> None:
        if self.save_best_only and not self._improved(logs):
            return
        path = self._path(logs)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose:
            print(f"epoch {self._epoch + 1}: saved {path}")

    def _improved(self, logs: Logs) -> bool:
        """Whether the number is the best so far; what is not known is taken to be."""
        current = self.watched(logs)
        if current is None:
            return True
        if self.is_better(current, self.best):
            self.best = current
            return True
        if self.verbose:
            print(f"epoch {self._epoch + 1}: {self.monitor} is not better than {self.best:.5f}")
        return False

    def _path(self, logs: Logs) -> Path:
        try:
            return Path(self.filepath.format(**{**logs, "epoch": self._epoch + 1}))
        except KeyError as error:
            raise UnknownNameError(
                f"the filepath {self.filepath!r} needs a number that training does not have",
                received=str(error.args[0]),
                expected=", ".join(["epoch", *logs]),
            ) from None


@final
class BatchCounter:
    """Counts batches over all epochs, and says when `often` of them have passed.

    Raises:
        ArgumentError: neither "epoch" nor a positive number.
    """

    def __init__(self, often: str | int) -> None:
        if often != "epoch" and (isinstance(often, bool | str) or often < 1):
            raise ArgumentError(
                "save_freq is a number of batches", received=repr(often), expected='"epoch", 1, ...'
            )
        self.often = 0 if often == "epoch" else cast(int, often)
        self._passed, self._last = 0, -1

    def between(self, callback: Callback, kind: str) -> int:
        """After how many batches of an epoch it has to be asked; 0 for never."""
        if not self.often or kind != "train":
            return 0
        steps = cast("int | None", callback.params.get("steps"))
        return gcd(self.often, steps) if steps else 1

    def begin_epoch(self) -> None:
        """Let batches be counted from 0 again."""
        self._last = -1

    def is_due(self, batch: int) -> bool:
        """Whether enough batches have passed since it was due."""
        self._passed += batch - self._last
        self._last = batch
        if not self.often or self._passed < self.often:
            return False
        self._passed = 0
        return True
