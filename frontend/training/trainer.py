"""The loops over epochs and batches. A model has one trainer from `compile` on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import final

import numpy as np

from graphc.errors import DataError, ModeError
from graphc.frontend.callbacks.callback import Logs
from graphc.frontend.callbacks.callback_list import CallbackList
from graphc.frontend.layers.layer import Layer
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like

from .batches import Arrays, Examples
from .running import Build, Run, compiled, interpreted, signature
from .source import Pace, Source, Stretch
from .steps import (
    Inputs,
    Numbers,
    Objective,
    Updates,
    as_number,
    predict_step,
    test_step,
    train_step,
)

Measured = Callable[[Layer, Objective, Inputs, Tensor], tuple[Numbers, Updates]]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """Which epochs `fit` runs, and which of them, counted from 1, end with a validation."""

    epochs: int = 1
    initial_epoch: int = 0
    validation_freq: int | Collection[int] = 1

    def validates(self, epoch: int) -> bool:
        """Whether the epoch, counted from 0, ends with a validation."""
        often = self.validation_freq
        return (epoch + 1) % often == 0 if isinstance(often, int) else epoch + 1 in often


@final
@dataclass(slots=True)
class Trainer:
    """Runs the steps of a model, compiling each for the form of the data when it first meets it."""

    model: Layer
    target: str | None
    run_eagerly: bool
    memory_budget: float | None = None
    steps_per_execution: int = 1
    objective: Objective | None = None
    # What callbacks ask to end after the present batch: train, test or predict.
    stopped: set[str] = field(default_factory=set)
    _steps: dict[object, Run] = field(default_factory=dict)

    # ------------------------------------------------------------------------ loops

    def fit(self, data: Source, test: Source | None, plan: Plan, callbacks: CallbackList) -> None:
        """Train for some epochs; callbacks see the numbers of each, those of validation as val_."""
        numbers: Logs = {}
        self.stopped.clear()
        callbacks.on_train_begin()
        for epoch in range(plan.initial_epoch, plan.epochs):
            callbacks.on_epoch_begin(epoch)
            numbers = self._measured("train", data, callbacks)
            if test is not None and plan.validates(epoch):
                tested = self.evaluate(test, callbacks)
                numbers |= {f"val_{name}": value for name, value in tested.items()}
            callbacks.on_epoch_end(epoch, numbers)
            if "train" in self.stopped:
                break
        self.compiled().optimizer.finalize_variable_values(self.model.trainable_weights)
        callbacks.on_train_end(numbers)

    def evaluate(self, data: Source, callbacks: CallbackList) -> Logs:
        """The loss and all metrics over the data."""
        self.stopped.discard("test")
        callbacks.on_test_begin()
        numbers = self._measured("test", data, callbacks)
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

    def _measured(self, kind: str, data: Source, callbacks: CallbackList) -> Logs:
        """One pass over the data with training or testing: its numbers."""
        numbers = Logs()

        def run(part: Stretch) -> Logs:
            nonlocal numbers
            numbers = _last(self._run(kind, part))
            return numbers

        self.compiled().reset()
        begin, end = callbacks.on_train_batch_begin, callbacks.on_train_batch_end
        if kind == "test":
            begin, end = callbacks.on_test_batch_begin, callbacks.on_test_batch_end
        self._each(kind, data, callbacks, run, begin, end)
        return dict(numbers)

    def _each(
        self, kind: str, data: Source, callbacks: CallbackList, run: Callable[[Stretch], Logs],
        begin: Callable[[int], None], end: Callable[[int, Logs], None],
    ) -> None:  # fmt: skip
        """Run all batches and call the hooks; the only place where batches follow one another."""
        every = callbacks.batches_between_calls(kind, self.steps_per_execution)
        most = self.compiled().optimizer.steps_at_once if kind == "train" else sys.maxsize
        logs, last, open_hook = Logs(), 0, False
        for part in data.epoch(Pace(callbacks.pace, most, every)):
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
        """One step on all examples together; its outputs with a row for the step."""
        return self._run(kind, Stretch(0, 1, batch.arrays, batch.count))

    def train_on_batch(self, batch: Examples) -> Logs:
        """One step of training on all examples together; its own loss and metrics."""
        self.compiled().reset()
        return _last(self.on_batch("train", batch))

    def _run(self, kind: str, part: Stretch) -> Tree[np.ndarray]:
        arrays = part.arrays[:1] if kind == "predict" else part.arrays
        step = self._step(kind, arrays)
        if kind == "train":
            self.compiled().optimizer.prepare(part.last - part.first)
        return step(arrays, part.size, part.order)

    def _step(self, kind: str, arrays: tuple[Arrays, ...]) -> Run:
        """The step for data of this form; made when there is none yet."""
        found = self._steps.get(self._key(kind, arrays))
        if found is None:
            build = self._build(kind, arrays)
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

    def _build(self, kind: str, arrays: tuple[Arrays, ...]) -> Build:
        if kind == "predict":
            return lambda x: predict_step(self.model, x)
        objective, build = self.compiled(), MEASURED[kind]
        targets = arrays[1]
        if not isinstance(targets, np.ndarray):
            raise DataError(
                "a loss needs targets, one array with a row per example",
                received=type(targets).__name__,
                fix="give them as y, beside the inputs x",
            )
        return lambda x, y: build(self.model, objective, x, y)

    def prepare(self, kind: str, data: Source) -> None:
        """Make the step for this data, and the weights of the model if there are none yet.

        Raises:
            DataError: targets that the loss has no value for.
        """
        arrays = data.sample
        self._step(kind, arrays)
        shape = self.model.output_shape
        if shape is not None and isinstance(arrays[1], np.ndarray):
            self.compiled().loss.check_targets(arrays[1], shape)

    def stop(self, kind: str, now: bool = True) -> None:
        """Let train, test or predict end after the present batch, or go on."""
        (self.stopped.add if now else self.stopped.discard)(kind)

    def _key(self, kind: str, arrays: tuple[Arrays, ...]) -> object:
        source = self.objective.optimizer.source if self.objective else None
        return kind, signature(*arrays), id(source), tuple(map(id, self.model.trainable_weights))

    def compiled(self) -> Objective:
        """What `compile` was told."""
        if self.objective is None:
            raise ModeError(
                f"{self.model.name} has no loss and no optimizer yet",
                fix='call model.compile(optimizer="adam", loss=...) first',
            )
        return self.objective


MEASURED: dict[str, Measured] = {"train": train_step, "test": test_step}


def _last(outputs: object) -> Logs:
    assert isinstance(outputs, dict), "steps answer numbers by name"
    return {name: as_number(value[-1]) for name, value in outputs.items()}


def _joined(parts: list[Tree[np.ndarray]]) -> Tree[np.ndarray]:
    """The outputs of all stretches as one."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(leaves, parts), strict=True)
    return like(parts[0], [np.concatenate(c) for c in columns])  # pyright: ignore
