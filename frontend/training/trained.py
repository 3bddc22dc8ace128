"""What a model can do with data: `compile`, `fit`, `evaluate`, `predict`; the base of `Model`.

Arguments become sources of batches (`feeding.py`), callbacks and a plan; the loops are in
`trainer.py`. What one step does is in `stepping.py`, which a model may replace.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from graphc.frontend import optimizers
from graphc.frontend.callbacks.callback_list import CallbackList
from graphc.frontend.callbacks.callback_list import Given as Callbacks
from graphc.frontend.callbacks.history import History
from graphc.ir.tree import Tree

from .batches import examples
from .class_weights import weighted
from .compile_config import to_config
from .feeding import Feed, validation_data_of
from .objective import Objective, are_metrics
from .orders import SeededOrder
from .outputs import Outputs
from .source import Source
from .stepping import Stepping
from .steps import as_logs
from .trainer import Plan, Trainer

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

Answer = float | list[float] | dict[str, float]
ClassWeight = Mapping[int, float] | None


class Trained(Stepping):
    """A layer that can be compiled with an optimizer and a loss, and trained.

    Attributes:
        history: the numbers of the last `fit`.
        compiled: whether `compile` was called.
    """

    history: History | None = None
    compiled = False

    def compile(
        self, optimizer: optimizers.Given | None = "rmsprop", loss: object = None,
        loss_weights: object = None, metrics: object = None, weighted_metrics: object = None,
        run_eagerly: bool = False, steps_per_execution: int = 1, jit_compile: object = "auto",
        auto_scale_loss: bool = True, *, target: str | None = None,
        memory_budget: float | None = None,
    ) -> None:  # fmt: skip
        """Say how to train: optimizer, losses and metrics as names, classes, objects or functions.

        For several outputs `loss`, `loss_weights`, `metrics` and `weighted_metrics` are lists by
        position, dicts by name, or nested as the outputs are; a single loss is for all of them.
        What is minimised is the weighted sum of the losses and of what layers add. Metrics see no
        sample weights, weighted metrics do.

        `run_eagerly` runs op by op. `steps_per_execution` is after how many batches hooks of
        batches are called. `target` is the backend (that of the settings by default).
        `memory_budget` is the share of the memory for intermediate arrays, above 0 and up to 1,
        that a training step may use; what is missing is computed again (see `gx.function`).
        `jit_compile` is accepted: steps are compiled. With `auto_scale_loss` the optimizer of a
        model of the policy mixed_float16 is put behind a `LossScaleOptimizer`. Metrics in the place
        of `loss_weights` are taken for what they are.
        """
        if metrics is None and are_metrics(loss_weights):
            loss_weights, metrics = None, loss_weights
        arguments = {
            "optimizer": optimizer, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "auto_scale_loss": auto_scale_loss,
        }  # fmt: skip
        chosen = optimizers.get(optimizer)
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            chosen = optimizers.with_loss_scale(chosen)
        objective = Objective(chosen, loss, loss_weights, metrics, weighted_metrics)
        objective.check()
        self.trainer = Trainer(
            self, target, run_eagerly, memory_budget, steps_per_execution, objective, arguments
        )
        if (declared := self.declared_outputs) is not None:
            objective.build(Outputs(declared, self.output_names))
        self.compiled = True

    def get_compile_config(self) -> dict[str, object]:
        """What `compile` was told, as plain data; empty before it was called."""
        return (
            to_config({**self.trainer.arguments, "optimizer": self.optimizer})
            if (self.compiled)
            else {}
        )

    def compile_from_config(self, config: Mapping[str, object]) -> None:
        """Call `compile` with what `get_compile_config` gave."""
        known = {n: v for n, v in config.items() if n in _COMPILE}
        self.compile(**known)  # pyright: ignore[reportArgumentType]
        if self.built and self.optimizer is not None:
            self.optimizer.build(self.trainable_weights)

    # ------------------------------------------------------------------------ loops

    def fit(
        self, x: object = None, y: object = None, batch_size: int | None = None, epochs: int = 1,
        verbose: int | str = "auto", callbacks: Callbacks = None, validation_split: float = 0.0,
        validation_data: object = None, shuffle: bool = True, class_weight: ClassWeight = None,
        sample_weight: object = None, initial_epoch: int = 0, steps_per_epoch: int | None = None,
        validation_steps: int | None = None, validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] = 1, *, seed: int | None = None,
    ) -> History:  # fmt: skip
        """Train on examples x with targets y; the numbers of each epoch.

        x and y are arrays, lists of numbers, or nested lists and dicts of arrays; or x alone gives
        batches (x, y) or (x, y, sample_weight): a generator, an iterator, a function that makes
        one, or an object with `__len__` and `__getitem__`.

        `validation_split` takes the last part of the examples for validation, before they are
        shuffled. With a `seed` their order depends on it and on the number of the epoch alone;
        without one the model has a seed of its own, which its files keep, and counts its epochs.
        With `steps_per_epoch` an epoch has so many batches, and the next one goes on where it
        ended.
        """
        feed = Feed(x, y, sample_weight, class_weight, "fit")
        if validation_split and validation_data is None:
            feed, validation_data = feed.split(validation_split)
        order = self.example_order if seed is None else SeededOrder(seed)
        source = feed.source(batch_size, steps_per_epoch, order if shuffle else None)
        test = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            test = validation_data_of(validation_data).source(size, validation_steps)
        plan = Plan(epochs, initial_epoch, validation_freq)
        self.trainer.prepare("train", source)
        if test is not None:
            self.trainer.prepare("test", test)
        everyone = self._callbacks(callbacks, verbose, epochs, source)
        self.trainer.fit(source, test, plan, everyone)
        return everyone.history or History()

    def evaluate(
        self, x: object = None, y: object = None, batch_size: int | None = None,
        verbose: int | str = "auto", sample_weight: object = None, steps: int | None = None,
        callbacks: Callbacks = None, return_dict: bool = False,
    ) -> Answer:  # fmt: skip
        """The loss, followed by the metrics if there are any, over x, as `fit` takes it."""
        source = Feed(x, y, sample_weight, None, "evaluate").source(batch_size, steps)
        self.trainer.prepare("test", source)
        everyone = self._callbacks(callbacks, verbose, 1, source, history=False)
        return self._answer(self.trainer.evaluate(source, everyone), return_dict)

    def predict(
        self, x: object, batch_size: int | None = None, verbose: int | str = "auto",
        steps: int | None = None, callbacks: Callbacks = None,
    ) -> Tree[np.ndarray]:  # fmt: skip
        """The outputs for examples x, or for the batches that it gives."""
        source = Feed(x, None, None, None, "predict").source(batch_size, steps)
        everyone = self._callbacks(callbacks, verbose, 1, source, history=False)
        return self.trainer.predict(source, everyone)

    # ------------------------------------------------------------------------ single batches

    def train_on_batch(
        self, x: object, y: object = None, sample_weight: object = None,
        class_weight: ClassWeight = None, return_dict: bool = False,
    ) -> Answer:  # fmt: skip
        """One step of training on these examples; their loss and metrics."""
        batch = weighted(examples(x, y, sample_weight), class_weight)
        self.reset_metrics()
        return self._answer(as_logs(self.trainer.on_batch("train", batch)), return_dict)

    def test_on_batch(
        self, x: object, y: object = None, sample_weight: object = None, return_dict: bool = False
    ) -> Answer:
        """The loss and the metrics of these examples."""
        batch = examples(x, y, sample_weight)
        self.reset_metrics()
        return self._answer(as_logs(self.trainer.on_batch("test", batch)), return_dict)

    def predict_on_batch(self, x: object) -> Tree[np.ndarray]:
        """The outputs for these examples."""
        return self.trainer.on_batch("predict", examples(x))

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

    def _answer(self, numbers: dict[str, float], return_dict: bool) -> Answer:
        """As a dict; or in Keras's order: the loss, metrics of the only output, losses of several
        outputs, then the others by name."""
        if return_dict:
            return numbers
        first = list(dict.fromkeys(m.name for m in self.metrics if m.name in numbers))
        values = [numbers[n] for n in (*first, *sorted(set(numbers) - set(first)))]
        return values if len(values) != 1 else values[0]

    # ------------------------------------------------------------------------ stopping

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


_COMPILE = (
    "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
    "steps_per_execution", "auto_scale_loss",
)  # fmt: skip
