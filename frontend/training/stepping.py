"""What one step of training, testing and prediction does; a model may replace any part of it.

The methods build graph from tensors, and all that they change is announced: `steps.updated` makes
one compiled function of a whole step.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Unpack, cast

from graphc.diff.reverse import grad
from graphc.errors import ModeError
from graphc.frontend import effects, metrics, optimizers
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.members import parts_of
from graphc.frontend.layers.spec import LayerOptions
from graphc.frontend.metrics import Metric
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import convert, elementwise, leaf, reduce
from graphc.provenance import warn

from .objective import Objective
from .orders import OwnOrder
from .outputs import Outputs
from .steps import unpack_x_y_sample_weight
from .trainer import Trainer

Parts = Tree[Tensor]


class Stepping(Layer):
    """A layer whose steps can be compiled.

    A subclass may define its own `train_step`:

        def train_step(self, data):
            x, y = data
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            gradients = gx.grad(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            for metric in self.metrics: ...
            return {metric.name: metric.result() for metric in self.metrics}
    """

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.trainer = Trainer(self, target=None, run_eagerly=False)

    @cached_property
    def example_order(self) -> OwnOrder:
        """The orders of examples where `fit` is given no seed."""
        return OwnOrder()

    # ------------------------------------------------------------------------ steps

    def train_step(self, data: object) -> object:
        """Forward, loss, gradients and the optimizer's update; the numbers so far, by name.

        `data` is (x, y), or with weights (x, y, sample_weight), or (x,).
        """
        x, y, weights = unpack_x_y_sample_weight(data)
        predictions = self(x, training=True)
        loss = self._loss(x, y, predictions, weights, training=True)
        self._track(loss, x)
        trained, optimizer = self.trainable_weights, self.optimizer
        if not trained:
            warn(f"{self.name} has no weights to train")
        elif optimizer is None:
            raise ModeError(f"{self.name} has no optimizer", fix='compile(optimizer="adam", ...)')
        else:
            gradients = leaves(grad(optimizer.scale_loss(loss), tuple(trained)))
            optimizer.apply_gradients(zip(gradients, trained))
        return self.compute_metrics(x, y, predictions, weights)

    def test_step(self, data: object) -> object:
        """Forward and loss without training; the numbers so far, by name."""
        x, y, weights = unpack_x_y_sample_weight(data)
        predictions = self(x, training=False)
        self._track(self._loss(x, y, predictions, weights, training=False), x)
        return self.compute_metrics(x, y, predictions, weights)

    def predict_step(self, data: object) -> object:
        """The outputs for inputs."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    # ------------------------------------------------------------------------ parts of them

    def compute_loss(
        self, x: Parts = None, y: Parts = None, y_pred: Parts = None, sample_weight: Parts = None,
        training: bool = True,
    ) -> Tensor:  # fmt: skip
        """The number to minimise: the losses that `compile` was given, and what layers add."""
        total = self._objective().total(self._outputs(y_pred), y, sample_weight)
        terms = [] if total is None else [total]
        terms += [_scalar(added) for added in self.losses]
        if not terms:
            raise ModeError(
                "there is no loss to compute", fix="compile(optimizer, loss=...), or add_loss"
            )
        total = terms[0]
        for term in terms[1:]:
            total = elementwise.add(total, convert.cast(term, total.dtype))
        return total

    def compute_metrics(
        self, x: Parts = None, y: Parts = None, y_pred: Parts = None, sample_weight: Parts = None
    ) -> dict[str, Tensor]:
        """Take predictions into account in all metrics that `compile` was given; their results."""
        if self.trainer.objective is not None:
            self.trainer.objective.measure(self._outputs(y_pred), y, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Tensor]:
        """The results of all metrics, by name."""
        numbers: dict[str, Tensor] = {}
        for name, metric in zip(self.metrics_names, self.metrics):
            result = metric.result()
            numbers |= result if isinstance(result, Mapping) else {name: result}
        return numbers

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of regularized weights; in a step also what layers added so far."""
        return [*super().losses, *effects.added_losses()]

    def _loss(
        self, x: Parts, y: Parts, predictions: Tensor, weights: Parts, training: bool
    ) -> Tensor:
        """`compute_loss`, which in older programs has no argument `training`."""
        parameters = inspect.signature(self.compute_loss).parameters
        if "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return self.compute_loss(x, y, predictions, weights, training=training)
        return self.compute_loss(x, y, predictions, weights)

    def _track(self, loss: Tensor, x: Parts) -> None:
        # Every example weighs the same, also those of a smaller last batch.
        size = leaf.size_of(leaves(x)[0].shape[0], loss.dtype)
        self._objective().mean_loss.update_state(loss, size)

    def _outputs(self, predictions: Parts) -> Outputs:
        return Outputs(predictions, self.output_names)

    def _objective(self) -> Objective:
        return self.trainer.compiled()

    # ------------------------------------------------------------------------ what it has

    @property
    def output_names(self) -> list[str]:
        """What the outputs are called, if they have names."""
        return []

    @property
    def declared_outputs(self) -> Parts:
        """The symbolic outputs, if the model was made of them."""
        return None

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer that `compile` was given."""
        return self.trainer.objective.optimizer if self.trainer.objective else None

    @property
    def loss(self) -> object:
        """The loss as `compile` was given it."""
        return self.trainer.objective.loss if self.trainer.objective else None

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The mean of the loss, the metrics that `compile` was given, and those that layers hold.

        The mean of each loss comes behind the metrics, where there are several losses.
        """
        compiled = self.trainer.objective.all_metrics if self.trainer.objective else []
        parts = [p for p in parts_of(self) if p is self or not isinstance(p, Stepping)]
        return [*compiled, *(m for p in parts for e in vars(p).values() for m in _metrics_in(e))]

    @property
    def metrics_names(self) -> list[str]:
        """What the numbers of `evaluate` are called."""
        objective = self.trainer.objective
        names = {id(r.metric): r.name for r in objective.reported} if objective else {}
        return [names.get(id(m), m.name) for m in self.metrics]

    def reset_metrics(self) -> None:
        """Let all metrics begin again at no batches."""
        for metric in self.metrics:
            metric.reset_state()


def _scalar(added: Tensor) -> Tensor:
    return reduce.sum(added) if added.ndim else added


def _metrics_in(attribute: object) -> list[Metric]:
    if isinstance(attribute, Metric):
        return [attribute]
    if isinstance(attribute, Mapping):
        return [m for entry in attribute.values() for m in _metrics_in(entry)]
    if isinstance(attribute, list | tuple):
        return [m for entry in cast("list[object]", attribute) for m in _metrics_in(entry)]
    return []
