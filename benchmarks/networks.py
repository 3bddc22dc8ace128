"""The networks that are timed, over the DSL: W1 to W7 of `workloads.py`.

LeNet-like and residual networks as in their papers: ResNet-50 v1.5 (He, Zhang, Ren, Sun 2015, table
1, the stride in the 3x3), VGG-16 (Simonyan, Zisserman 2014, table 1 D), GoogLeNet (Szegedy et al.
2014, table 1) with biases and without local response normalisation and auxiliary heads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.frontend import seeds
from graphc.ir.node import Tensor
from graphc.ops import control, elementwise, leaf, movement, nn, reduce
from graphc.ops.matmul import matmul
from graphc.ops.variable import Variable, variable


class Builder:
    """Layers that keep their weights. Without a seed kernels are zero; if not `training`, batch
    normalisation uses the moments it has and dropout does nothing."""

    def __init__(self, training: bool, seed: int | None = 0) -> None:
        self.training = training
        self.random = None if seed is None else np.random.default_rng(seed)
        self.weights: list[Variable] = []
        self.updates: dict[Variable, Tensor] = {}
        self.keys = seeds.SeedGenerator(1)

    def weight(self, shape: tuple[int, ...], fill: float | None = None) -> Variable:
        """Another trained weight: He's normal values, or all the same."""
        value = np.full(shape, fill or 0.0, np.float32)
        if fill is None and self.random is not None:
            spread = (2.0 / np.prod(shape[:-1])) ** 0.5
            value = self.random.standard_normal(shape, np.float32) * np.float32(spread)
        self.weights.append(variable(value, name="weight"))
        return self.weights[-1]

    def conv(
        self, x: Tensor, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Tensor:
        """A convolution with zeros around the image."""
        kernel = self.weight((size, size, int(x.shape[-1]), filters))
        y = nn.conv2d(x, kernel, strides=stride, padding=((pad, pad), (pad, pad)))
        return y + self.weight((filters,), 0.0) if bias else y

    def norm(self, x: Tensor, momentum: float = 0.9) -> Tensor:
        """Batch normalisation that keeps running moments."""
        channels = int(x.shape[-1])
        gamma, beta = self.weight((channels,), 1.0), self.weight((channels,), 0.0)
        moments = [
            variable(np.full(channels, start, np.float32), name="moment", trainable=False)
            for start in (0, 1)
        ]
        if not self.training:
            return nn.batch_norm_inference(x, *moments, gamma, beta)
        y, mean, spread = nn.batch_norm(x, gamma, beta)
        for old, new in zip(moments, (mean, spread), strict=True):
            self.updates[old] = old * momentum + new * (1 - momentum)
        return y

    def dense(self, x: Tensor, units: int) -> Tensor:
        """x W + b."""
        return matmul(x, self.weight((int(x.shape[-1]), units))) + self.weight((units,), 0.0)

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        """Zeros for a share of x, in training."""
        return nn.dropout(x, rate, self.keys.next_key()) if self.training else x

    def lstm(self, x: Tensor, units: int) -> Tensor:
        """The last state of an LSTM (Hochreiter, Schmidhuber 1997, with forget gates)."""
        inner = self.weight((units, 4 * units))
        rows = movement.transpose(self.dense(x, 4 * units), (1, 0, 2))

        def step(carry: tuple[Tensor, Tensor], row: Tensor) -> tuple[tuple[Tensor, Tensor], None]:
            h, c = carry
            gates = row + matmul(h, inner)
            i, f, g, o = (gates[:, k * units : (k + 1) * units] for k in range(4))
            kept = elementwise.mul(elementwise.sigmoid(f), c)
            c = kept + elementwise.sigmoid(i) * elementwise.tanh(g)
            return (elementwise.sigmoid(o) * elementwise.tanh(c), c), None

        zero = leaf.zeros((x.shape[0], units))
        (h, _), _ = control.scan(step, (zero, zero), rows)
        return h


Network = Callable[[Builder, Tensor], Tensor]

# ---------------------------------------------------------------------------- small


def mlp(b: Builder, x: Tensor) -> Tensor:
    for _ in range(2):
        x = b.dropout(nn.relu(b.dense(x, 256)), 0.4)
    return b.dense(x, 10)


def small_cnn(b: Builder, x: Tensor) -> Tensor:
    for _ in range(2):
        x = nn.max_pool(nn.relu(b.conv(x, 64, 3)), 2)
    return b.dense(b.dropout(movement.flatten(x, 1), 0.2), 10)


def slides_cnn(b: Builder, x: Tensor) -> Tensor:
    x = nn.relu(b.conv(x, 32, 3))
    x = nn.relu(b.conv(x, 64, 3, stride=2))
    return b.dense(nn.relu(b.dense(movement.flatten(x, 1), 128)), 10)


def lstm(b: Builder, x: Tensor) -> Tensor:
    return b.dense(b.lstm(x, 128), 10)


# ---------------------------------------------------------------------------- large

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # blocks, filters, first stride


def resnet50(b: Builder, x: Tensor) -> Tensor:
    def block(x: Tensor, filters: int, size: int, stride: int = 1) -> Tensor:
        return b.norm(b.conv(x, filters, size, stride, size // 2, bias=False))

    x = nn.max_pool(nn.relu(block(x, 64, 7, 2)), 3, 2, ((1, 1), (1, 1)))
    for count, filters, first in STAGES:
        for i in range(count):
            stride = first if i == 0 else 1
            y = nn.relu(block(x, filters, 1))
            y = block(nn.relu(block(y, filters, 3, stride)), 4 * filters, 1)
            x = nn.relu(y + (block(x, 4 * filters, 1, stride) if i == 0 else x))
    return b.dense(reduce.mean(x, axis=(1, 2)), 1000)


def vgg16(b: Builder, x: Tensor) -> Tensor:
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = nn.relu(b.conv(x, filters, 3, pad=1))
        x = nn.max_pool(x, 2)
    x = movement.flatten(x, 1)
    for _ in range(2):
        x = b.dropout(nn.relu(b.dense(x, 4096)), 0.5)
    return b.dense(x, 1000)


# 1x1; 1x1 then 3x3; 1x1 then 5x5; pool then 1x1. None: a pool between.
INCEPTIONS = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


def googlenet(b: Builder, x: Tensor) -> Tensor:
    def conv(x: Tensor, filters: int, size: int, stride: int = 1) -> Tensor:
        return nn.relu(b.conv(x, filters, size, stride, size // 2))

    def pool(x: Tensor, stride: int = 2) -> Tensor:
        return nn.max_pool(x, 3, stride, ((1, 1), (1, 1)))

    x = pool(conv(x, 64, 7, 2))
    x = pool(conv(conv(x, 64, 1), 192, 3))
    for widths in INCEPTIONS:
        if widths is None:
            x = pool(x)
            continue
        one, before3, three, before5, five, after = widths
        branches = [
            conv(x, one, 1),
            conv(conv(x, before3, 1), three, 3),
            conv(conv(x, before5, 1), five, 5),
            conv(pool(x, 1), after, 1),
        ]
        x = movement.concat(branches, axis=-1)
    return b.dense(b.dropout(reduce.mean(x, axis=(1, 2)), 0.4), 1000)
