"""What `fit` returns: the numbers of each epoch."""

from __future__ import annotations

import time
from typing import final

from .callback import Callback, Logs


@final
class Curves(dict[str, list[float]]):
    """Lists of numbers per epoch; acc and accuracy are one name.

    >>> Curves(accuracy=[0.5, 0.75])["acc"]
    [0.5, 0.75]
    """

    def __missing__(self, name: str) -> list[float]:
        other = name[:-5] if name.endswith("accuracy") else f"{name}uracy"
        if not name.endswith(("acc", "accuracy")) or other not in self:
            raise KeyError(f"{name}; there are {', '.join(self)}")
        return self[other]


@final
class History(Callback):
    """The numbers of each epoch; every `fit` makes one, and answers it.

    Attributes:
        history: a list per number, with an entry per epoch.
        epoch: the epochs, counted from 0.
        seconds: how long each took, without its validation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history, self.epoch, self.seconds = Curves(), list[int](), list[float]()
        self._begin, self._spent = 0.0, 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch, self.seconds = [], []

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin, self._spent = time.perf_counter(), 0.0

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._spent = time.perf_counter() - self._begin

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        self.seconds.append(self._spent or time.perf_counter() - self._begin)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
