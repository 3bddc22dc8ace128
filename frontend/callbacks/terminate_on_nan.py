"""Ending training when the loss is no number any more."""

from __future__ import annotations

from typing import final

import numpy as np

from graphc.errors import NumericError

from .callback import Callback, Logs


@final
class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite; with `raise_error` by an error.

    The mean of an epoch stays NaN from the first such batch on, so it is looked at after every
    native call: where nobody watches batches, training ends with the epoch at the latest.

    Raises:
        NumericError: such a loss, where errors are asked for.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error
        self._batch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._batch = 0

    def on_stretch_end(self, batches: int, logs: Logs | None = None) -> None:
        self._batch += batches
        self._look_at((logs or {}).get("loss"))

    def _look_at(self, loss: float | None) -> None:
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise NumericError(
                f"the loss is no number after {self._batch} batches", received=loss,
                fix="try a smaller learning rate, clipnorm=1.0, or look for NaN in the data",
            )  # fmt: skip
        print(f"batch {self._batch - 1}: the loss is {loss}, training ends")
        self.model.stop_training = True
