"""ResNet-50 (He, Zhang, Ren, Sun 2015, table 1) over the DSL, for benchmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.diff.reverse import grad
from graphc.ir.node import Tensor
from graphc.ops import elementwise, index, leaf, nn, reduce
from graphc.ops.matmul import matmul
from graphc.ops.variable import Variable, variable

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # blocks, filters, first stride


class Network:
    """The weights made so far, and the layers that make them. Without a seed kernels are zero."""

    def __init__(self, seed: int | None = 0) -> None:
        self.random = None if seed is None else np.random.default_rng(seed)
        self.weights: list[Variable] = []

    def weight(self, shape: tuple[int, ...], fill: float | None = None) -> Variable:
        """Another weight: He's normal values, or all the same."""
        value = np.full(shape, fill or 0.0, np.float32)
        if fill is None and self.random is not None:
            spread = (2.0 / np.prod(shape[:-1])) ** 0.5
            value = self.random.normal(0, spread, shape).astype(np.float32)
        self.weights.append(variable(value, name="weight"))
        return self.weights[-1]

    def block(self, x: Tensor, filters: int, size: int, stride: int = 1) -> Tensor:
        """Convolution and batch normalisation, without activation."""
        kernel = self.weight((size, size, int(x.shape[-1]), filters))
        y = nn.conv2d(x, kernel, strides=stride, padding="same")
        return nn.batch_norm(y, self.weight((filters,), 1.0), self.weight((filters,), 0.0))[0]

    def bottleneck(self, x: Tensor, filters: int, stride: int) -> Tensor:
        """1x1, 3x3, 1x1 around a shortcut."""
        y = nn.relu(self.block(x, filters, 1, stride))
        y = nn.relu(self.block(y, filters, 3))
        y = self.block(y, 4 * filters, 1)
        plain = stride == 1 and x.shape[-1] == 4 * filters
        shortcut = x if plain else self.block(x, 4 * filters, 1, stride)
        return nn.relu(y + shortcut)

    def logits(self, x: Tensor, classes: int = 1000) -> Tensor:
        """The scores of classes for images (batch, side, side, 3)."""
        y = nn.relu(self.block(x, 64, 7, 2))
        y = nn.max_pool(y, 3, 2, "same")
        for count, filters, stride in STAGES:
            for i in range(count):
                y = self.bottleneck(y, filters, stride if i == 0 else 1)
        y = reduce.mean(y, axis=(1, 2))
        return matmul(y, self.weight((2048, classes))) + self.weight((classes,), 0.0)


def training_step(
    side: int = 224, seed: int | None = 0
) -> tuple[list[Tensor], Tensor, dict[Variable, Tensor]]:
    """Inputs, loss and updates (SGD with momentum) of a training step with a free batch size."""
    x = leaf.placeholder((None, side, side, 3), name="x")
    labels = leaf.placeholder((None,), "int32", name="labels")
    network = Network(seed)
    logs = nn.log_softmax(network.logits(x))
    chosen = index.one_hot(labels, 1000)
    loss = reduce.mean(elementwise.neg(reduce.sum(logs * chosen, axis=-1)))
    return [x, labels], loss, dict(momentum(network.weights, grad(loss, network.weights)))


def momentum(
    weights: list[Variable], gradients: list[Tensor], rate: float = 0.1
) -> Iterator[tuple[Variable, Tensor]]:
    """v = 0.9 v + g; w = w - rate v."""
    for weight, gradient in zip(weights, gradients, strict=True):
        velocity = variable(np.zeros(weight.storage.shape, np.float32), name="velocity")
        new = velocity * 0.9 + gradient
        yield velocity, new
        yield weight, weight - new * rate
