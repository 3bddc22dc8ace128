"""Models: layers that can be trained, tested, used and described."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Unpack

import numpy as np

from graphc.errors import ArgumentError
from graphc.frontend import losses, metrics, optimizers
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.spec import LayerOptions
from graphc.frontend.training.batches import examples
from graphc.frontend.training.history import History
from graphc.frontend.training.means import Means
from graphc.frontend.training.steps import Objective
from graphc.frontend.training.trainer import Schedule, Trainer
from graphc.ir.tree import Tree

from .summary import summary_text


class Model(Layer):
    """A layer with `compile`, `fit`, `evaluate`, `predict` and `summary`.

    Subclasses hold layers in attributes and say in `call` how they are connected. One compiled
    training step serves every batch size, the last partial batch of an epoch included.
    """

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.trainer = Trainer(self, target=None, run_eagerly=False)

    @property
    def layers(self) -> list[Layer]:
        """The layers that the model is made of."""
        return self.sublayers

    def compile(
        self, optimizer: optimizers.Given = "rmsprop", loss: losses.Given | None = None,
        metrics: Sequence[metrics.Given] = (), *, target: str | None = None,
        run_eagerly: bool = False, memory_budget: float | None = None,
    ) -> None:  # fmt: skip
        """Say how to train: names, classes or objects; metrics may be functions too.

        `target` is the backend (that of the settings by default); `run_eagerly` runs op by op.
        `memory_budget` is the share of the memory for intermediate arrays, above 0 and up to 1,
        that a training step may use; what is missing is computed again (see `gx.function`).
        """
        if loss is None:
            raise ArgumentError("training needs a loss", fix="compile(optimizer, loss=...)")
        found = tuple(map(as_metric, metrics))
        self.trainer = Trainer(self, target, run_eagerly, memory_budget)
        self.trainer.objective = Objective(
            optimizers.get(optimizer),
            losses.get(loss),
            found,
            Means(["loss", *(m.name for m in found)]),
        )

    def fit(
        self, x: object, y: object = None, batch_size: int | None = None, epochs: int = 1,
        verbose: int | str = "auto", *, validation_split: float = 0.0,
        validation_data: Sequence[object] | None = None, shuffle: bool = True,
        initial_epoch: int = 0, seed: int | None = None,
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
        plan = Schedule(epochs, initial_epoch, size, shuffle, seed, verbose)
        return self.trainer.fit(data, validation, plan)

    def evaluate(
        self, x: object, y: object = None, batch_size: int | None = None,
        verbose: int | str = "auto", *, return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:  # fmt: skip
        """The loss, followed by the metrics if there are any."""
        numbers = self.trainer.evaluate(examples(x, y), _batch_size(batch_size), verbose)
        return numbers if return_dict else _plain(numbers)

    def predict(
        self, x: object, batch_size: int | None = None, verbose: int | str = "auto"
    ) -> Tree[np.ndarray]:
        """The outputs for examples x."""
        return self.trainer.predict(examples(x), _batch_size(batch_size), verbose)

    def train_on_batch(
        self, x: object, y: object = None, *, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """One step of training on these examples; its loss, followed by the metrics."""
        numbers = self.trainer.train_on_batch(examples(x, y))
        return numbers if return_dict else _plain(numbers)

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Print the layers with their output shapes and numbers of parameters."""
        print_fn(summary_text(self.name, self.layers, self))

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer that `compile` was given."""
        return self.trainer.objective.optimizer if self.trainer.objective else None


as_metric = metrics.get


def _batch_size(value: int | None) -> int:
    size = 32 if value is None else value
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ArgumentError("batch_size is a positive number", received=repr(value))
    return int(size)


def _plain(numbers: dict[str, float]) -> float | list[float]:
    values = list(numbers.values())
    return values if len(values) > 1 else values[0]
