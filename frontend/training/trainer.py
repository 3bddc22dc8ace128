"""The loops over epochs and batches. A model has one trainer from `compile` on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np

from graphc.errors import DataError, ModeError
from graphc.frontend.layers.layer import Layer
from graphc.frontend.seeds import generator
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like

from .batches import Arrays, Examples, count_of, paced, rows_of
from .history import History
from .progress import Progress, progress
from .running import Build, Run, compiled, interpreted, signature
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
class Schedule:
    """How `fit` goes through the data."""

    epochs: int = 1
    initial_epoch: int = 0
    batch_size: int = 32
    shuffle: bool = True
    seed: int | None = None
    verbose: int | str = "auto"


@final
@dataclass(slots=True)
class Trainer:
    """Runs the steps of a model, compiling each for the form of the data when it first meets it."""

    model: Layer
    target: str | None
    run_eagerly: bool
    memory_budget: float | None = None
    objective: Objective | None = None
    _steps: dict[object, Run] = field(default_factory=dict)

    def fit(self, data: Examples, validation: Examples | None, plan: Schedule) -> History:
        """Train for some epochs; the numbers of each, those of validation with a val_ in front."""
        step = self._train(data)
        batches = -(-data.count // plan.batch_size)
        history = History({"epochs": plan.epochs, "steps": batches, "verbose": plan.verbose != 0})
        order = generator(plan.seed)
        for epoch in range(plan.initial_epoch, plan.epochs):
            rows = order.permutation(data.count) if plan.shuffle else None
            shown = progress(plan.verbose, batches, f"epoch {epoch + 1}/{plan.epochs}")
            start = time.perf_counter()
            numbers = self._run(step, data, plan.batch_size, shown, rows)
            seconds = time.perf_counter() - start
            if validation is not None:
                tested = self.evaluate(validation, plan.batch_size, 0)
                numbers |= {f"val_{name}": value for name, value in tested.items()}
            shown.finish(numbers)
            history.add(epoch, numbers, seconds)
        self._objective().optimizer.finalize_variable_values(self.model.trainable_weights)
        return history

    def evaluate(self, data: Examples, batch_size: int, verbose: int | str) -> dict[str, float]:
        """The loss and all metrics over the data."""
        step = self._test(data)
        shown = progress(verbose, -(-data.count // batch_size), "evaluate")
        numbers = self._run(step, data, batch_size, shown)
        shown.finish(numbers)
        return numbers

    def train_on_batch(self, batch: Examples) -> dict[str, float]:
        """One step of training on all examples together; its own loss and metrics."""
        return self._run(self._train(batch), batch, batch.count, progress(0, 1, ""))

    def predict(self, data: Examples, batch_size: int, verbose: int | str) -> Tree[np.ndarray]:
        """The outputs for all examples."""
        step = self._step("predict", lambda x: predict_step(self.model, x), data)
        shown = progress(verbose, -(-data.count // batch_size), "predict")
        parts: list[Tree[np.ndarray]] = []
        for rows, batches in paced(data.count, batch_size, shown.seconds):
            parts.append(step((rows_of(data.inputs, rows),), batch_size, None))
            shown.advance({}, batches)
        shown.finish({})
        if len(parts) == 1:
            return parts[0]
        columns = zip(*map(leaves, parts), strict=True)
        return like(parts[0], [np.concatenate(c) for c in columns])  # pyright: ignore

    def _run(
        self, step: Run, data: Examples, size: int, shown: Progress,
        order: np.ndarray | None = None,
    ) -> dict[str, float]:  # fmt: skip
        """One pass over the data: the only place where steps follow one another."""
        objective, measured = self._objective(), dict[str, float]()
        objective.reset()
        arrays, most = (data.inputs, data.targets), objective.optimizer.steps_at_once
        for rows, batches in paced(data.count, size, shown.seconds, most):
            if order is None:
                numbers = step(tuple(rows_of(a, rows) for a in arrays), size, None)
            else:
                numbers = step(arrays, size, order[rows])
            measured = _last(numbers)
            shown.advance(measured, batches)
        return measured

    def _train(self, data: Examples) -> Run:
        step, optimizer = self._measured("train", train_step, data), self._objective().optimizer

        def run(
            arrays: tuple[Arrays, ...], size: int, order: np.ndarray | None
        ) -> Tree[np.ndarray]:
            count = count_of(arrays) if order is None else len(order)
            optimizer.prepare(-(-count // size))
            return step(arrays, size, order)

        return run

    def _test(self, data: Examples) -> Run:
        return self._measured("test", test_step, data)

    def _measured(self, kind: str, build: Measured, data: Examples) -> Run:
        objective = self._objective()
        if not isinstance(data.targets, np.ndarray):
            raise DataError(
                "a loss needs targets, one array with a row per example",
                received=type(data.targets).__name__,
                fix="give them as y, beside the inputs x",
            )
        run = self._step(kind, lambda x, y: build(self.model, objective, x, y), data)
        if self.model.output_shape is not None:
            objective.loss.check_targets(data.targets, self.model.output_shape)
        return run

    def _step(self, kind: str, build: Build, data: Examples) -> Run:
        """The step for data of this form; made when there is none yet."""
        arguments = (data.inputs,) if kind == "predict" else (data.inputs, data.targets)
        found = self._steps.get(self._key(kind, arguments))
        if found is None:
            name = f"{self.model.name}_{kind}"
            if self.run_eagerly:
                found = interpreted(build, self.target, per_example=kind == "predict")
            else:
                trains = kind == "train"
                budget = self.memory_budget if trains else None
                found = compiled(
                    build, arguments, self.target, name, trains=trains, memory_budget=budget
                )
            # The key is taken again: building made the weights.
            self._steps[self._key(kind, arguments)] = found
        return found

    def _key(self, kind: str, arguments: tuple[Arrays, ...]) -> object:
        source = self.objective.optimizer.source if self.objective else None
        return kind, signature(*arguments), id(source), tuple(map(id, self.model.trainable_weights))

    def _objective(self) -> Objective:
        if self.objective is None:
            raise ModeError(
                f"{self.model.name} has no loss and no optimizer yet",
                fix='call model.compile(optimizer="adam", loss=...) first',
            )
        return self.objective


def _last(outputs: object) -> dict[str, float]:
    assert isinstance(outputs, dict), "steps answer numbers by name"
    return {name: as_number(value[-1]) for name, value in outputs.items()}
