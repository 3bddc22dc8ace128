"""The loops over epochs and batches. A model has one trainer from `compile` on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, final

import numpy as np

from graphc.errors import ArgumentError, DataError, ModeError
from graphc.frontend.callbacks.callback import Logs
from graphc.frontend.callbacks.callback_list import CallbackList
from graphc.ir.tree import Tree, leaves, like

from .batches import Arrays, Examples, rows_of
from .objective import Objective
from .running import Run, compiled, interpreted, signature
from .source import Pace, Source, Stretch
from .steps import Data, as_logs, updated

if TYPE_CHECKING:
    from .stepping import Stepping


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """Which epochs `fit` runs, and which of them, counted from 1, end with a validation."""

    epochs: int = 1
    initial_epoch: int = 0
    validation_freq: int | Collection[int] = 1

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("initial_epoch", self.initial_epoch)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ArgumentError(f"{name} is a whole number", received=repr(value))
        often = self.validation_freq
        if not isinstance(often, Collection) and (not isinstance(often, int) or often < 1):
            raise ArgumentError(
                "validation_freq is a positive number or a list of epochs", received=repr(often)
            )

    def validates(self, epoch: int) -> bool:
        """Whether the epoch, counted from 0, ends with a validation."""
        often = self.validation_freq
        return (epoch + 1) % often == 0 if isinstance(often, int) else epoch + 1 in often


@final
@dataclass(slots=True)
class Trainer:
    """Runs the steps of a model, compiling each for the form of the data when it first meets it."""

    model: Stepping
    target: str | None
    run_eagerly: bool
    memory_budget: float | None = None
    steps_per_execution: int = 1
    objective: Objective | None = None
    # What `compile` was given.
    arguments: Mapping[str, object] = field(default_factory=dict)
    # What callbacks ask to end after the present batch: train, test or predict.
    stopped: set[str] = field(default_factory=set)
    # The epoch at which a callback lets training begin.
    resumes_at: int = 0
    # The inputs that the model was last prepared for, without rows.
    form: Arrays = None
    _steps: dict[object, Run] = field(default_factory=dict)

    # ------------------------------------------------------------------------ loops

    def fit(self, data: Source, test: Source | None, plan: Plan, callbacks: CallbackList) -> None:
        """Train for some epochs; callbacks see the numbers of each, those of validation as val_."""
        numbers: Logs = {}
        self.stopped.clear()
        self.resumes_at = 0
        callbacks.on_train_begin()
        for epoch in range(max(plan.initial_epoch, self.resumes_at), plan.epochs):
            callbacks.on_epoch_begin(epoch)
            trained = self._measured("train", data, callbacks, epoch)
            if trained is None:
                break
            numbers = trained
            self.model.example_order.epochs += 1
            if test is not None and plan.validates(epoch):
                tested = self.evaluate(test, callbacks)
                numbers |= {f"val_{name}": value for name, value in tested.items()}
            callbacks.on_epoch_end(epoch, numbers)
            if "train" in self.stopped:
                break
        if (optimizer := self.compiled().optimizer) is not None and plan.epochs > 0:
            optimizer.finalize_variable_values(self.model.trainable_weights)
        callbacks.on_train_end(numbers)

    def evaluate(self, data: Source, callbacks: CallbackList) -> Logs:
        """The loss and all metrics over the data."""
        self.stopped.discard("test")
        data.restart()
        callbacks.on_test_begin()
        numbers = self._measured("test", data, callbacks) or {}
        callbacks.on_test_end(numbers)
        return numbers

    def predict(self, data: Source, callbacks: CallbackList) -> Tree[np.ndarray]:
        """The outputs for all examples."""
        self.stopped.discard("predict")
        parts: list[Tree[np.ndarray]] = []

        def run(part: Stretch) -> Logs:
            parts.append(self._run("predict", part))
            return {}

        def end(batch: int, _: Logs) -> None:
            callbacks.on_predict_batch_end(batch, {"outputs": parts[-1]})

        callbacks.on_predict_begin()
        self._each("predict", data, callbacks, run, callbacks.on_predict_batch_begin, end)
        callbacks.on_predict_end()
        return _joined(parts)

    def _measured(
        self, kind: str, data: Source, callbacks: CallbackList, epoch: int = 0
    ) -> Logs | None:
        """One pass over the data with training or testing: its numbers; None without a batch."""
        numbers: Logs | None = None

        def run(part: Stretch) -> Logs:
            nonlocal numbers
            numbers = as_logs(self._run(kind, part))
            return numbers

        self.model.reset_metrics()
        begin, end = callbacks.on_train_batch_begin, callbacks.on_train_batch_end
        if kind == "test":
            begin, end = callbacks.on_test_batch_begin, callbacks.on_test_batch_end
        self._each(kind, data, callbacks, run, begin, end, epoch)
        return numbers

    def _each(
        self, kind: str, data: Source, callbacks: CallbackList, run: Callable[[Stretch], Logs],
        begin: Callable[[int], None], end: Callable[[int, Logs], None], epoch: int = 0,
    ) -> None:  # fmt: skip
        """Run all batches and call the hooks; the only place where batches follow one another."""
        every = callbacks.batches_between_calls(kind, self.steps_per_execution)
        optimizer = self.compiled().optimizer if kind == "train" else None
        most = sys.maxsize if optimizer is None else optimizer.steps_at_once
        logs, last, open_hook = Logs(), 0, False
        known = None if kind == "predict" else data.sample[1]  # `prepare` has checked it
        for part in data.epoch(Pace(callbacks.pace, most, every), epoch):
            if known is not None and part.arrays[1] is not known:
                self._check(part.arrays[1], f"in batch {part.first}")
            if every and not open_hook:
                begin(part.first)
            logs, last, open_hook = run(part), part.last, True
            callbacks.on_stretch_end(part.last - part.first, logs)
            if every and last % every == 0:
                end(last - 1, logs)
                open_hook = False
            if kind in self.stopped:
                break
        if every and open_hook:
            end(last - 1, logs)

    # ------------------------------------------------------------------------ steps

    def on_batch(self, kind: str, batch: Examples) -> Tree[np.ndarray]:
        """One step on all examples together; its outputs, with a row for the step."""
        if kind != "predict":
            self._step(kind, batch.arrays)
            self._check(batch.targets)
        return self._run(kind, Stretch(0, 1, batch.arrays, batch.count))

    def _run(self, kind: str, part: Stretch) -> Tree[np.ndarray]:
        arrays = part.arrays[:1] if kind == "predict" else part.arrays
        step = self._step(kind, arrays)
        if kind == "train" and (optimizer := self.compiled().optimizer) is not None:
            optimizer.prepare(part.last - part.first)
        return step(arrays, part.size, part.order)

    def _step(self, kind: str, arrays: tuple[Arrays, ...]) -> Run:
        """The step for data of this form; made when there is none yet."""
        found = self._steps.get(self._key(kind, arrays))
        if found is None:
            build = partial(updated, _step_of(self.model, kind))
            if self.run_eagerly:
                found = interpreted(build, self.target, per_example=kind == "predict")
            else:
                trains, name = kind == "train", f"{self.model.name}_{kind}"
                budget = self.memory_budget if trains else None
                found = compiled(
                    build, arrays, self.target, name, trains=trains, memory_budget=budget
                )
            # The key is taken again: building made the weights.
            self._steps[self._key(kind, arrays)] = found
        return found

    def prepare(self, kind: str, data: Source) -> None:
        """Make the step for this data, and the weights of the model if there are none yet.

        Raises:
            DataError: targets that the loss has no value for.
        """
        self.compiled()
        arrays = data.sample
        self.form = rows_of(arrays[0], slice(0, 0))
        self._step(kind, arrays)
        self._check(arrays[1])

    def _check(self, targets: Arrays, where: str | None = None) -> None:
        """DataError for targets that the loss has no value for."""
        if self.model.output_shape is None:
            return
        try:
            self.compiled().check_targets(targets, self.model.output_shape)
        except DataError as error:
            if where is not None:
                error.add_note(where)
            raise

    def stop(self, kind: str, now: bool = True) -> None:
        """Let train, test or predict end after the present batch, or go on."""
        (self.stopped.add if now else self.stopped.discard)(kind)

    def _key(self, kind: str, arrays: tuple[Arrays, ...]) -> object:
        optimizer = self.objective.optimizer if self.objective else None
        source = None if optimizer is None else optimizer.source
        return kind, signature(*arrays), id(source), tuple(map(id, self.model.trainable_weights))

    def compiled(self) -> Objective:
        """What `compile` was told."""
        if self.objective is None:
            raise ModeError(
                f"{self.model.name} has no loss and no optimizer yet",
                fix='call model.compile(optimizer="adam", loss=...) first',
            )
        return self.objective


def _step_of(model: Stepping, kind: str) -> Callable[[Data], object]:
    steps = {"train": model.train_step, "test": model.test_step, "predict": model.predict_step}
    return steps[kind]


def _joined(parts: list[Tree[np.ndarray]]) -> Tree[np.ndarray]:
    """The outputs of all stretches as one."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(leaves, parts), strict=True)
    return like(parts[0], [np.concatenate(c) for c in columns])  # pyright: ignore
