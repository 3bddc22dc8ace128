"""Many callbacks as one: each hook calls those of all, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import gcd, inf
from typing import TYPE_CHECKING, final

from graphc.errors import ArgumentError

from .callback import Callback, Logs
from .history import History
from .progress import ProgbarLogger

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

Given = Callback | Iterable["Given | type[Callback]"] | None


@final
class CallbackList(Callback):
    """Callbacks for a model and for the parameters of a training.

    `add_history` and `add_progbar` add a `History` and a progress bar, unless there are some.

    >>> everyone = CallbackList([Callback()], add_history=True, epochs=3)
    >>> len(everyone.callbacks), everyone.callbacks[1].params["epochs"]
    (2, 3)
    """

    def __init__(
        self, callbacks: Given = None, add_history: bool = False, add_progbar: bool = False,
        model: Model | None = None, **params: object,
    ) -> None:  # fmt: skip
        super().__init__()
        self.callbacks = _flat(callbacks)
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.pace = min((c.pace for c in self.callbacks), default=inf)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        """One more, at the end."""
        self.callbacks.append(callback)
        self.pace = min(self.pace, callback.pace)

    @property
    def history(self) -> History | None:
        """The numbers of the epochs, if there is a callback that collects them."""
        return next((c for c in self.callbacks if isinstance(c, History)), None)

    def set_params(self, params: Mapping[str, object]) -> None:
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Model) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)
            if isinstance(callback, History):
                model.history = callback

    def batches_between_calls(self, kind: str, at_once: int) -> int:
        return gcd(*(c.batches_between_calls(kind, at_once) for c in self.callbacks))

    # ------------------------------------------------------------------------ training

    def on_train_begin(self, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    # ------------------------------------------------------------------------ testing

    def on_test_begin(self, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs)

    # ------------------------------------------------------------------------ prediction

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_end(logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, object] | None = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_batch_end(batch, logs)

    # ------------------------------------------------------------------------ progress

    def on_stretch_end(self, batches: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_stretch_end(batches, logs)


def _flat(given: object) -> list[Callback]:
    """Callbacks in nested lists; classes become objects."""
    if given is None:
        return []
    if isinstance(given, Callback):
        return [given]
    if isinstance(given, type) and issubclass(given, Callback):
        return [given()]
    if not isinstance(given, Iterable):
        raise ArgumentError(
            "not a callback", received=repr(given), expected="objects of graphc.callbacks.Callback"
        )
    return [callback for entry in given for callback in _flat(entry)]
