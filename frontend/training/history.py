"""What `fit` returns: the numbers of each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

_OTHER = {
    "acc": "accuracy",
    "accuracy": "acc",
    "val_acc": "val_accuracy",
    "val_accuracy": "val_acc",
}


@final
class Curves(dict[str, list[float]]):
    """Lists of numbers per epoch; acc and accuracy are one name.

    >>> Curves(accuracy=[0.5, 0.75])["acc"]
    [0.5, 0.75]
    """

    def __missing__(self, name: str) -> list[float]:
        other = _OTHER.get(name, "")
        if other not in self:
            raise KeyError(f"{name}; there are {', '.join(self)}")
        return self[other]


@final
class History:
    """`history` has a list per number, `epoch` and `seconds` an entry per epoch.

    Epochs count from 0; `params` says how often and in how many steps was trained.
    """

    def __init__(self, params: Mapping[str, int]) -> None:
        self.history, self.epoch, self.params = Curves(), list[int](), dict(params)
        self.seconds: list[float] = []

    def add(self, epoch: int, numbers: Mapping[str, float], seconds: float) -> None:
        """Add the numbers of an epoch, and how long its training took."""
        self.epoch.append(epoch)
        self.seconds.append(seconds)
        for name, value in numbers.items():
            self.history.setdefault(name, []).append(value)
