"""One step of training, evaluation or prediction as graph: tensors in, tensors and updates out.

The same builders serve compiled functions and eager mode; running.py decides which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from graphc.diff.reverse import grad
from graphc.errors import ModeError
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.layer import Layer
from graphc.frontend.losses import Loss
from graphc.frontend.metrics import Metric
from graphc.frontend.optimizers import Optimizer
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import elementwise
from graphc.ops.variable import Variable
from graphc.provenance import in_role

from .means import Means

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
    means: Means

    def measure(self, y: Tensor, predictions: Tensor, loss: Tensor) -> tuple[Numbers, Updates]:
        """The running means after this batch, and their updates."""
        values = {"loss": loss, **{m.name: m(y, predictions) for m in self.metrics}}
        return self.means.add(values, predictions.shape[0])


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


def _sum(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = elementwise.add(total, term)
    return total
