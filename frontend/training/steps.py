"""One step of training, evaluation or prediction as graph: tensors in, tensors and updates out.

The same builders serve compiled functions and eager mode; running.py decides which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, final

import numpy as np

from graphc.diff.reverse import grad
from graphc.errors import ModeError
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.layer import Layer
from graphc.frontend.losses import Loss
from graphc.frontend.metrics import Mean, Metric
from graphc.frontend.optimizers import Optimizer
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import elementwise, leaf
from graphc.ops.variable import Variable
from graphc.provenance import in_role

Inputs = Tree[Tensor]
Numbers = Tree[Tensor]
Updates = dict[Variable, Tensor]


@final
@dataclass(frozen=True, slots=True)
class Objective:
    """What `compile` was told: what to minimise and how, and what to report."""

    optimizer: Optimizer
    loss: Loss
    metrics: tuple[Metric, ...]
    mean_loss: Mean

    def measure(self, y: Tensor, predictions: Tensor, loss: Tensor) -> tuple[Numbers, Updates]:
        """The loss and the metrics with this batch taken into account, and their updates."""
        with collecting_effects() as effects:
            # Every example weighs the same, also those of a smaller last batch.
            self.mean_loss.update_state(loss, leaf.size_of(predictions.shape[0], loss.dtype))
            for metric in self.metrics:
                metric.update_state(y, predictions)
            numbers: dict[str, Numbers] = {m.name: m.result() for m in self.reported}
        return numbers, effects.updates

    @property
    def reported(self) -> tuple[Metric, ...]:
        """The loss and the metrics."""
        return self.mean_loss, *self.metrics

    def reset(self) -> None:
        """Begin again at no batches."""
        for metric in self.reported:
            metric.reset_state()


def train_step(model: Layer, objective: Objective, x: Inputs, y: Tensor) -> tuple[Numbers, Updates]:
    """Forward, loss, gradients, the optimizer's updates; and those of layers and metrics."""
    with collecting_effects() as effects:
        predictions = model(x, training=True)
        loss = objective.loss(y, predictions)
    total = _sum([loss, *model.losses, *effects.losses])
    weights = model.trainable_weights
    if not weights:
        raise ModeError(
            f"{model.name} has no weights to train", fix="set trainable = True, or use evaluate"
        )
    gradients = leaves(grad(objective.optimizer.scale_loss(total), tuple(weights)))
    with in_role("update"):
        new = objective.optimizer.updates(zip(gradients, weights))
        means, totals = objective.measure(y, predictions, total)
    return means, {**effects.updates, **new, **totals}


def test_step(model: Layer, objective: Objective, x: Inputs, y: Tensor) -> tuple[Numbers, Updates]:
    """Forward and loss without training; nothing changes but the running means."""
    predictions = model(x, training=False)
    total = _sum([objective.loss(y, predictions), *model.losses])
    return objective.measure(y, predictions, total)


def predict_step(model: Layer, x: Inputs) -> tuple[Tree[Tensor], Updates]:
    """Forward only."""
    return model(x, training=False), {}


def as_number(value: np.ndarray) -> float:
    """The shortest number that is this one in its dtype; metrics of several numbers stay arrays."""
    # 0.9 in float32 is 0.8999999761581421 in Python's floats.
    return float(str(value)) if np.ndim(value) == 0 else cast(float, value)


def _sum(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = elementwise.add(total, term)
    return total
