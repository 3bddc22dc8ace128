"""Tests and predictions with the running means of the weights that the optimizer keeps."""

from __future__ import annotations

from typing import final

import numpy as np

from graphc.errors import ArgumentError
from graphc.frontend.optimizers import LossScaleOptimizer, Optimizer
from graphc.ops.variable import Variable

from .callback import Callback, Logs
from .learning_rates import optimizer_of


@final
class SwapEMAWeights(Callback):
    """Puts the means of an optimizer with `use_ema=True` in the place of the weights for tests.

    Afterwards the weights are back. With `swap_on_epoch` the means are also there at the end of an
    epoch, for callbacks that come after this one, such as `ModelCheckpoint`.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._show_means(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._show_means(True)
            if epoch + 1 == self.params["epochs"]:
                # `fit` ends by giving the weights their means, which are there already.
                for weight, mean in self._pairs():
                    mean.assign(weight.numpy())

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._show_means(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._show_means(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._show_means(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._show_means(False)

    def _show_means(self, wanted: bool) -> None:
        """Swap weights and means, unless they are as wanted."""
        if wanted != self._swapped:
            for weight, mean in self._pairs():
                kept = np.array(weight.numpy())
                weight.assign(mean.numpy().astype(kept.dtype))
                mean.assign(kept)
            self._swapped = wanted

    def _pairs(self) -> list[tuple[Variable, Variable]]:
        """The weights and their means.

        Raises:
            ArgumentError: the optimizer keeps no means.
        """
        optimizer: Optimizer = optimizer_of(self)
        if isinstance(optimizer, LossScaleOptimizer):
            optimizer = optimizer.inner_optimizer
        if not optimizer.use_ema:
            raise ArgumentError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer",
                received=f"{type(optimizer).__name__} with use_ema=False",
            )
        return list(zip(optimizer.parameters, optimizer.averages))
