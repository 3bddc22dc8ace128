"""What a model can do with data: `compile`, `fit`, `evaluate`, `predict`; the base of `Model`.

Arguments become sources of batches, callbacks and a plan here; the loops are in `trainer.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack, cast

import numpy as np

from graphc.errors import ArgumentError
from graphc.frontend import losses, metrics, optimizers
from graphc.frontend.callbacks.callback_list import CallbackList
from graphc.frontend.callbacks.callback_list import Given as Callbacks
from graphc.frontend.callbacks.history import History
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.spec import LayerOptions
from graphc.frontend.metrics import Mean
from graphc.ir.tree import Tree

from .batches import examples
from .compile_config import to_config
from .source import ArraySource, Source
from .steps import Objective
from .trainer import Plan, Trainer

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

Answer = float | list[float] | dict[str, float]


class Trained(Layer):
    """A layer that can be compiled with an optimizer and a loss, and trained.

    Attributes:
        history: the numbers of the last `fit`.
        compiled: whether `compile` was called.
    """

    history: History | None = None
    compiled = False

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.trainer = Trainer(self, target=None, run_eagerly=False)
        self._compile_arguments: Mapping[str, object] = {}

    def compile(
        self, optimizer: optimizers.Given = "rmsprop", loss: losses.Given | None = None,
        metrics: Sequence[metrics.Given] = (), *, target: str | None = None,
        run_eagerly: bool = False, steps_per_execution: int = 1,
        memory_budget: float | None = None,
    ) -> None:  # fmt: skip
        """Say how to train: names, classes or objects; metrics may be functions too.

        `target` is the backend (that of the settings by default); `run_eagerly` runs op by op.
        `steps_per_execution` is after how many batches hooks of batches are called.
        `memory_budget` is the share of the memory for intermediate arrays, above 0 and up to 1,
        that a training step may use; what is missing is computed again (see `gx.function`).
        """
        if loss is None:
            raise ArgumentError("training needs a loss", fix="compile(optimizer, loss=...)")
        found = tuple(map(as_metric, metrics))
        self.trainer = Trainer(self, target, run_eagerly, memory_budget, steps_per_execution)
        self.trainer.objective = Objective(
            optimizers.get(optimizer), losses.as_loss(loss), found, Mean("loss")
        )
        self._compile_arguments = {
            "optimizer": self.optimizer, "loss": loss, "metrics": list(metrics),
            "run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution,
        }  # fmt: skip
        self.compiled = True

    def get_compile_config(self) -> dict[str, object]:
        """What `compile` was told, as plain data; empty before it was called."""
        return to_config(self._compile_arguments)

    def compile_from_config(self, config: Mapping[str, object]) -> None:
        """Call `compile` with what `get_compile_config` gave."""
        known = {n: v for n, v in config.items() if n in _COMPILE}
        self.compile(**known)  # pyright: ignore[reportArgumentType]
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_weights)

    def fit(
        self, x: object, y: object = None, batch_size: int | None = None, epochs: int = 1,
        verbose: int | str = "auto", callbacks: Callbacks = None, validation_split: float = 0.0,
        validation_data: Sequence[object] | None = None, shuffle: bool = True, *,
        initial_epoch: int = 0, validation_freq: int | Collection[int] = 1,
        seed: int | None = None,
    ) -> History:  # fmt: skip
        """Train on examples x with targets y; the numbers of each epoch.

        `validation_split` takes the last part of the examples for validation, before they are
        shuffled. A `seed` makes the order of the examples reproducible.
        """
        data, validation = examples(x, y), None
        if validation_data is not None:
            validation = examples(*validation_data)
        elif validation_split:
            data, validation = data.split(validation_split)
        size = _batch_size(batch_size)
        source = ArraySource(data, size, shuffle=shuffle, seed=seed, past=initial_epoch)
        test = None if validation is None else ArraySource(validation, size)
        self.trainer.prepare("train", source)
        if test is not None:
            self.trainer.prepare("test", test)
        everyone = self._callbacks(callbacks, verbose, epochs, source)
        self.trainer.fit(source, test, Plan(epochs, initial_epoch, validation_freq), everyone)
        assert self.history is not None, "the callbacks of fit have a history"
        return self.history

    def evaluate(
        self, x: object, y: object = None, batch_size: int | None = None,
        verbose: int | str = "auto", callbacks: Callbacks = None, *, return_dict: bool = False,
    ) -> Answer:  # fmt: skip
        """The loss, followed by the metrics if there are any."""
        source = ArraySource(examples(x, y), _batch_size(batch_size))
        self.trainer.prepare("test", source)
        everyone = self._callbacks(callbacks, verbose, 1, source, history=False)
        return _answer(self.trainer.evaluate(source, everyone), return_dict)

    def predict(
        self, x: object, batch_size: int | None = None, verbose: int | str = "auto",
        callbacks: Callbacks = None,
    ) -> Tree[np.ndarray]:  # fmt: skip
        """The outputs for examples x."""
        source = ArraySource(examples(x), _batch_size(batch_size))
        everyone = self._callbacks(callbacks, verbose, 1, source, history=False)
        return self.trainer.predict(source, everyone)

    def train_on_batch(self, x: object, y: object = None, *, return_dict: bool = False) -> Answer:
        """One step of training on these examples; its loss, followed by the metrics."""
        return _answer(self.trainer.train_on_batch(examples(x, y)), return_dict)

    def _callbacks(
        self, given: Callbacks, verbose: int | str, epochs: int, source: Source, *,
        history: bool = True,
    ) -> CallbackList:  # fmt: skip
        if isinstance(given, CallbackList):
            return given
        return CallbackList(
            given, add_history=history, add_progbar=verbose != 0, model=cast("Model", self),
            epochs=epochs, steps=source.steps, verbose=verbose,
        )  # fmt: skip

    # ------------------------------------------------------------------------ what compile made

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer that `compile` was given."""
        return self.trainer.objective.optimizer if self.trainer.objective else None

    @property
    def stop_training(self) -> bool:
        """Whether training ends after the present batch; callbacks may set it."""
        return "train" in self.trainer.stopped

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.trainer.stop("train", value)

    @property
    def stop_evaluating(self) -> bool:
        """Whether `evaluate` ends after the present batch."""
        return "test" in self.trainer.stopped

    @stop_evaluating.setter
    def stop_evaluating(self, value: bool) -> None:
        self.trainer.stop("test", value)

    @property
    def stop_predicting(self) -> bool:
        """Whether `predict` ends after the present batch."""
        return "predict" in self.trainer.stopped

    @stop_predicting.setter
    def stop_predicting(self, value: bool) -> None:
        self.trainer.stop("predict", value)

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The mean of the loss, and the metrics that `compile` was given."""
        return list(self.trainer.objective.reported) if self.trainer.objective else []

    @property
    def metrics_names(self) -> list[str]:
        """What the numbers of `evaluate` are called."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Let all metrics begin again at no batches."""
        for metric in self.metrics:
            metric.reset_state()


as_metric = metrics.as_metric
_COMPILE = (
    "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
    "steps_per_execution",
)  # fmt: skip


def _batch_size(value: int | None) -> int:
    size = 32 if value is None else value
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ArgumentError("batch_size is a positive number", received=repr(value))
    return int(size)


def _answer(numbers: dict[str, float], return_dict: bool) -> Answer:
    values = list(numbers.values())
    if return_dict:
        return numbers
    return values if len(values) > 1 else values[0]
