"""Learning rates that change from epoch to epoch: by a function, or when training stands still.

Both write the rate of each epoch into the numbers, as learning_rate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import final

import numpy as np

from graphc.errors import ArgumentError, ModeError
from graphc.frontend.optimizers import Optimizer
from graphc.ir.node import Tensor

from .callback import Callback, Logs
from .monitor import MonitorCallback

Schedule = Callable[..., object]


@final
class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch: rate = schedule(epoch, rate), or schedule(epoch).

    >>> halving = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(self, schedule: Schedule, verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = optimizer_of(self)
        now = float(optimizer.learning_rate.numpy())
        given = (epoch, now) if _takes_rate(self.schedule) else (epoch,)
        rate = self.schedule(*given)
        if isinstance(rate, bool) or not isinstance(rate, float | int | np.number | Tensor):
            raise ArgumentError("a schedule answers a number", received=repr(rate))
        rate = float(rate.numpy() if isinstance(rate, Tensor) else rate)
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"epoch {epoch + 1}: the learning rate is {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(optimizer_of(self).learning_rate.numpy())


@final
class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` after `patience` epochs without a better `monitor`.

    Then `cooldown` epochs pass before it counts again; the rate stays at least `min_lr`. With
    `restore_best_weights` the model also goes back to the weights of the best epoch each time, and
    goes on from there with smaller steps.
    """

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0,
        mode: str = "auto", min_delta: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0, *,
        restore_best_weights: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta=min_delta)
        if not factor < 1:
            raise ArgumentError("a factor that reduces is below 1", received=factor)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.restore_best_weights = restore_best_weights
        self.wait = self.cooldown_counter = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.cooldown_counter = 0
        self.best, self.best_weights = None, None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        rate = float(optimizer_of(self).learning_rate.numpy())
        current = self.watched(logs)
        if logs is not None:
            logs["learning_rate"] = rate
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                self._reduce(rate, epoch)

    def in_cooldown(self) -> bool:
        """Whether epochs without progress do not count now."""
        return self.cooldown_counter > 0

    def _reduce(self, rate: float, epoch: int) -> None:
        new = max(rate * self.factor, self.min_lr)
        optimizer_of(self).learning_rate = new
        self.wait, self.cooldown_counter = 0, self.cooldown
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
        if self.verbose:
            print(f"epoch {epoch + 1}: the learning rate is reduced to {new:g}")


def optimizer_of(callback: Callback) -> Optimizer:
    """The optimizer of the model that a callback belongs to."""
    optimizer = callback.model.optimizer
    if optimizer is None:
        raise ModeError(f"{callback.model.name} has no optimizer", fix='compile("adam", ...)')
    return optimizer


def _takes_rate(schedule: Schedule) -> bool:
    """Whether a function takes two arguments."""
    try:
        parameters = inspect.signature(schedule).parameters.values()
    except (TypeError, ValueError):
        return True
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(places) > 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
