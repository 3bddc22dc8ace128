"""The base of all callbacks: what is done at certain moments of training, testing and prediction.

`callback_list.py` calls them in order; the loops are in `frontend/training/trainer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from graphc.errors import ModeError

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

Logs = dict[str, float]

BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Something to do while a model is trained; a subclass defines the hooks that it needs.

    `logs` has the numbers so far: means over the epoch. A hook of `on_epoch_end` may add to it what
    callbacks after it, and the history, shall know. Setting `self.model.stop_training = True` ends
    training after the present batch.

    An epoch is one native call while nobody defines a hook of batches; then each batch is one, or
    as many as `compile(steps_per_execution=...)` says.

    >>> class Best(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.smallest = min(logs["loss"], self.smallest if epoch else logs["loss"])

    Attributes:
        params: `epochs`, `steps` per epoch (None if not known) and `verbose`.
        pace: how often, in seconds, `on_stretch_end` wants to be called.
    """

    # Also for subclasses that forget super().__init__().
    params: Mapping[str, object] = MappingProxyType({})
    pace: float = inf
    _model: Model | None = None

    def __init__(self) -> None:
        pass

    def set_params(self, params: Mapping[str, object]) -> None:
        """Take the parameters of training; called before the first hook."""
        self.params = params

    def set_model(self, model: Model) -> None:
        """Take the model; called before the first hook."""
        self._model = model

    @property
    def model(self) -> Model:
        """The model that is trained, tested or used."""
        if self._model is None:
            raise ModeError(
                f"{type(self).__name__} has no model yet", fix="give it to fit as callbacks=[...]"
            )
        return self._model

    def batches_between_calls(self, kind: str, at_once: int) -> int:
        """After how many batches of train, test or predict a hook is wanted; 0 for none.

        `at_once` is what `compile` said.
        """
        found = set(vars(self)).union(*map(vars, self._classes()))
        return at_once if found & set(BATCH_HOOKS[kind]) else 0

    def _classes(self) -> list[type]:
        """The classes below this one."""
        classes = type(self).__mro__
        return list(classes[: classes.index(Callback)])

    # ------------------------------------------------------------------------ training

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, with its numbers."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation, whose numbers are called val_..."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an epoch, counted from 0."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch, with the numbers of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The same as `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The same as `on_train_batch_end`."""

    # ------------------------------------------------------------------------ testing

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before `evaluate`, or the validation of an epoch."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After it, with its numbers."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch, with the numbers so far."""

    # ------------------------------------------------------------------------ prediction

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After it."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch."""

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, object] | None = None) -> None:
        """After a batch; `logs["outputs"]` is what the model answered."""

    # ------------------------------------------------------------------------ progress

    def on_stretch_end(self, batches: int, logs: Logs | None = None) -> None:
        """So many more batches are done, in one native call of about `pace` seconds."""
