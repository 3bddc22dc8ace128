"""A callback from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from .callback import Callback

Hook = Callable[..., object]


@final
class LambdaCallback(Callback):
    """Functions as hooks: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs))`.

    Any hook of `Callback` can be given by its name.

    >>> seen = []
    >>> LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch)).on_epoch_begin(3, {})
    >>> seen
    [3]
    """

    def __init__(
        self, on_epoch_begin: Hook | None = None, on_epoch_end: Hook | None = None,
        on_train_begin: Hook | None = None, on_train_end: Hook | None = None,
        on_train_batch_begin: Hook | None = None, on_train_batch_end: Hook | None = None,
        **hooks: Hook | None,
    ) -> None:  # fmt: skip
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin, "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin, "on_train_batch_end": on_train_batch_end,
            **hooks,
        }  # fmt: skip
        # Anything else that is given becomes an attribute, as functions may need.
        vars(self).update({name: f for name, f in given.items() if f is not None})
