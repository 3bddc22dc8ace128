"""W1 to W7: the networks, the data and the steps that are compared with other frameworks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from graphc import compiler
from graphc.compiler import Function
from graphc.diff.reverse import grad
from graphc.frontend import losses, optimizers
from graphc.frontend.effects import collecting_effects
from graphc.ir.node import Tensor
from graphc.ops import leaf
from graphc.ops.variable import Variable

from . import networks


@dataclass(frozen=True)
class Workload:
    """A network with the shape of one example, and how it is used.

    Attributes:
        optimizer: adam or sgd (with momentum 0.9); None: only inference is timed
        inference: batch sizes of inference
    """

    title: str
    network: networks.Network
    shape: tuple[int, ...]
    classes: int
    batch: int
    optimizer: str | None
    inference: tuple[int, ...]

    def data(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The same examples for everybody."""
        random = np.random.default_rng(0)
        x = random.standard_normal((batch, *self.shape), np.float32)
        return x, random.integers(0, self.classes, batch).astype(np.int32)


# fmt: off
WORKLOADS = {
    "W1": Workload("MLP 784-256-256-10", networks.mlp, (784,), 10, 128, "adam", (1, 128)),
    "W2": Workload("small CNN 28x28", networks.small_cnn, (28, 28, 1), 10, 128, "adam", (1, 128)),
    "W3": Workload("slides CNN 32x32", networks.slides_cnn, (32, 32, 3), 10, 64, "sgd", (1, 64)),
    "W4": Workload("LSTM-128, 28 rows", networks.lstm, (28, 28), 10, 128, "adam", (1, 128)),
    "W5": Workload("ResNet-50", networks.resnet50, (224, 224, 3), 1000, 8, "sgd", (1, 8)),
    "W6": Workload("VGG-16", networks.vgg16, (224, 224, 3), 1000, 8, None, (1,)),
    "W7": Workload("GoogLeNet", networks.googlenet, (224, 224, 3), 1000, 8, "sgd", (1,)),
}
# fmt: on


def training_graph(
    w: Workload, seed: int | None = 0
) -> tuple[list[Tensor], Tensor, dict[Variable, Tensor]]:
    """Inputs (examples and labels), loss, and what all variables become, for any batch size."""
    x = leaf.placeholder((None, *w.shape), name="x")
    labels = leaf.placeholder((None,), "int32", name="labels")
    builder = networks.Builder(True, seed)
    with collecting_effects() as effects:
        logits = w.network(builder, x)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    optimizer = optimizers.Adam(1e-3) if w.optimizer == "adam" else optimizers.SGD(1e-2, 0.9)
    gradients = grad(loss, builder.weights)
    updates = optimizer.updates(zip(gradients, builder.weights, strict=True))
    return [x, labels], loss, updates | builder.updates | effects.updates


def training(w: Workload, seed: int | None = 0, disable: Collection[str] = ()) -> Function:
    """f(x, labels) -> loss: forward, backward and the update of all weights in one call."""
    inputs, loss, updates = training_graph(w, seed)
    return compiler.function(inputs, loss, updates=updates, fast_math=True, disable=disable)


def inference(w: Workload, seed: int | None = 0, disable: Collection[str] = ()) -> Function:
    """f(x) -> logits, of a trained network: batch normalisation is folded into convolutions."""
    x = leaf.placeholder((None, *w.shape), name="x")
    logits = w.network(networks.Builder(False, seed), x)
    return compiler.function(x, logits, inference=True, fast_math=True, disable=disable)
