"""The base of callbacks that watch one number, and know whether it became better."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphc.errors import ArgumentError
from graphc.provenance import warn

from .callback import Callback

# Words in the names of numbers that are better the larger, or the smaller, they are.
_UP = (
    "acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "true_", "sensitivity",
    "specificity", "correlation", "similarity",
)  # fmt: skip
_DOWN = (
    "loss", "error", "mse", "mae", "mape", "msle", "rmse", "crossentropy", "hinge", "divergence",
    "kld", "bce", "poisson", "cosh", "huber", "false_",
)  # fmt: skip


class MonitorCallback(Callback):
    """Watches the number `monitor`; it is better by more than `min_delta`, or not.

    `mode` is "min", "max", or "auto" for the way that the name of the number suggests. `best` is
    the best number so far, at first `baseline`.

    >>> watching = MonitorCallback("val_accuracy", min_delta=0.1)
    >>> watching.is_better(0.75, 0.7), watching.is_better(0.85, 0.7), watching.is_better(0, None)
    (False, True, True)
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None,
        min_delta: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warn(
                f"mode {mode!r} of {type(self).__name__} is none of auto, min and max; "
                "it is taken to be auto"
            )
            mode = "auto"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best = baseline

    def is_better(self, value: float, than: float | None) -> bool:
        """Whether a number is better than another; any is better than none.

        Raises:
            ArgumentError: the name does not say what is better, and neither does `mode`.
        """
        if than is None:
            return True
        if np.isnan(than):
            return not np.isnan(value)
        if self._upwards():
            return value - self.min_delta > than
        return value + self.min_delta < than

    def watched(self, logs: Mapping[str, float] | None) -> float | None:
        """The number that is watched; a warning if it is not there."""
        found = (logs or {}).get(self.monitor)
        if found is None:
            warn(
                f"{type(self).__name__} watches `{self.monitor}`, which is not available; there "
                f"are {', '.join(logs or {}) or 'no numbers'}"
            )
        elif np.ndim(found):
            warn(
                f"{type(self).__name__} watches one number, and `{self.monitor}` has the shape "
                f"{np.shape(found)}"
            )
            return None
        return found

    def _upwards(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_").casefold()
        # The last word decides: out_accuracy_loss is a loss.
        places = [(name.rfind(w), up) for up, ws in ((True, _UP), (False, _DOWN)) for w in ws]
        place, upwards = max(places)
        if place < 0:
            raise ArgumentError(
                f"the name `{self.monitor}` does not say whether more is better",
                fix=f'give {type(self).__name__} mode="max" or mode="min"',
            )
        return upwards
