"""Ending training when a number no longer gets better."""

from __future__ import annotations

from typing import final

import numpy as np

from .callback import Logs
from .monitor import MonitorCallback


@final
class EarlyStopping(MonitorCallback):
    """Stops after `patience` epochs in which `monitor` did not become better than the best before.

    A change counts if it is larger than `min_delta`, and, with a `baseline`, if the number is
    better than that. The epochs before `start_from_epoch` are not looked at.
    `restore_best_weights` gives the model at the end the weights of the best epoch, even if
    training was not stopped.

    Attributes:
        stopped_epoch: the epoch after which it stopped, counted from 0; 0 if it did not.
        best, best_epoch: the best number, and when it was.
        wait: how many epochs the best one is ago.
    """

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0.0, patience: int = 0,
        verbose: int = 0, mode: str = "auto", baseline: float | None = None,
        restore_best_weights: bool = False, start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best, self.best_weights = None, None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.watched(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.best is None:
            self._keep(epoch)
        self.wait += 1
        if self.is_better(current, self.best):
            self.best = current
            self._keep(epoch)
            if self.is_better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.verbose and self.stopped_epoch:
            print(f"epoch {self.stopped_epoch + 1}: {self.monitor} no longer gets better")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"the weights are those of epoch {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
