"""The networks that are timed, W1 to W7, written once over the layers that every framework has.

ResNet-50 v1.5 (He, Zhang, Ren, Sun 2015, table 1, the stride in the 3x3), VGG-16 (Simonyan,
Zisserman 2014, table 1 D), GoogLeNet (Szegedy et al. 2014, table 1) with biases and without local
response normalisation and auxiliary heads. Nothing here imports a framework.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

T = TypeVar("T")
W = TypeVar("W")


class Builder(Protocol[T]):
    """Layers of one framework. Pictures are (batch, height, width, channels) in the data."""

    def conv(
        self, x: T, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> T:
        """A square convolution with zeros around the image."""
        ...

    def norm(self, x: T) -> T:
        """Batch normalisation that keeps running moments."""
        ...

    def dense(self, x: T, units: int) -> T:
        """x W + b."""
        ...

    def lstm(self, x: T, units: int) -> T:
        """The last state of an LSTM (Hochreiter, Schmidhuber 1997, with forget gates) whose gates
        stand in the order input, forget, cell, output."""
        ...

    def dropout(self, x: T, rate: float) -> T:
        """Zeros for a share of x, in training."""
        ...

    def relu(self, x: T) -> T:
        """max(x, 0)"""
        ...

    def max_pool(self, x: T, size: int, stride: int, pad: int = 0) -> T:
        """The largest element of each window."""
        ...

    def mean(self, x: T) -> T:
        """The mean of each channel: (batch, channels)."""
        ...

    def flatten(self, x: T) -> T:
        """(batch, everything else)"""
        ...

    def add(self, x: T, y: T) -> T:
        """x + y"""
        ...

    def concat(self, xs: Sequence[T]) -> T:
        """The channels of pictures one after the other."""
        ...


Network = Callable[[Builder[T], T], T]
Layout = Callable[[np.ndarray], np.ndarray]


class Weights(Generic[W]):
    """The weights of a network in the order in which its layers ask for them.

    The first pass makes them, the same numbers for every framework; after `restart` the same
    weights are given again. Without a seed random ones are zero.
    """

    def __init__(self, convert: Callable[[np.ndarray], W], seed: int | None = 0) -> None:
        self.convert = convert
        self.values: list[W] = []
        self._random = None if seed is None else np.random.default_rng(seed)
        self._position = 0

    def restart(self, values: list[W] | None = None) -> None:
        """Begin another pass, over other values if there are any."""
        self.values = self.values if values is None else values
        self._position = 0

    def normal(self, shape: tuple[int, ...], layout: Layout = lambda a: a) -> W:
        """The next weight: He's normal values, (.., inputs, outputs) before the layout."""
        return self._next(lambda: layout(self._normal(shape)))

    def constant(self, size: int, fill: float) -> W:
        """The next weight: a row of the same number."""
        return self._next(lambda: np.full(size, fill, np.float32))

    def _normal(self, shape: tuple[int, ...]) -> np.ndarray:
        if self._random is None:
            return np.zeros(shape, np.float32)
        spread = np.float32((2.0 / np.prod(shape[:-1])) ** 0.5)
        return self._random.standard_normal(shape, np.float32) * spread

    def _next(self, make: Callable[[], np.ndarray]) -> W:
        if self._position == len(self.values):
            self.values.append(self.convert(np.ascontiguousarray(make())))
        self._position += 1
        return self.values[self._position - 1]


# ---------------------------------------------------------------------------- small


def mlp(b: Builder[T], x: T) -> T:
    for _ in range(2):
        x = b.dropout(b.relu(b.dense(x, 256)), 0.4)
    return b.dense(x, 10)


def small_cnn(b: Builder[T], x: T) -> T:
    for _ in range(2):
        x = b.max_pool(b.relu(b.conv(x, 64, 3)), 2, 2)
    return b.dense(b.dropout(b.flatten(x), 0.2), 10)


def slides_cnn(b: Builder[T], x: T) -> T:
    x = b.relu(b.conv(x, 32, 3))
    x = b.relu(b.conv(x, 64, 3, stride=2))
    return b.dense(b.relu(b.dense(b.flatten(x), 128)), 10)


def lstm(b: Builder[T], x: T) -> T:
    return b.dense(b.lstm(x, 128), 10)


# ---------------------------------------------------------------------------- large

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # blocks, filters, first stride


def resnet50(b: Builder[T], x: T) -> T:
    def block(x: T, filters: int, size: int, stride: int = 1) -> T:
        return b.norm(b.conv(x, filters, size, stride, size // 2, bias=False))

    x = b.max_pool(b.relu(block(x, 64, 7, 2)), 3, 2, 1)
    for count, filters, first in STAGES:
        for i in range(count):
            stride = first if i == 0 else 1
            y = b.relu(block(x, filters, 1))
            y = block(b.relu(block(y, filters, 3, stride)), 4 * filters, 1)
            x = b.relu(b.add(y, block(x, 4 * filters, 1, stride) if i == 0 else x))
    return b.dense(b.mean(x), 1000)


def vgg16(b: Builder[T], x: T) -> T:
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = b.relu(b.conv(x, filters, 3, pad=1))
        x = b.max_pool(x, 2, 2)
    x = b.flatten(x)
    for _ in range(2):
        x = b.dropout(b.relu(b.dense(x, 4096)), 0.5)
    return b.dense(x, 1000)


# 1x1; 1x1 then 3x3; 1x1 then 5x5; pool then 1x1. None: a pool between.
INCEPTIONS = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip


def googlenet(b: Builder[T], x: T) -> T:
    def conv(x: T, filters: int, size: int, stride: int = 1) -> T:
        return b.relu(b.conv(x, filters, size, stride, size // 2))

    x = b.max_pool(conv(x, 64, 7, 2), 3, 2, 1)
    x = b.max_pool(conv(conv(x, 64, 1), 192, 3), 3, 2, 1)
    for widths in INCEPTIONS:
        if widths is None:
            x = b.max_pool(x, 3, 2, 1)
            continue
        one, before3, three, before5, five, after = widths
        branches = [
            conv(x, one, 1),
            conv(conv(x, before3, 1), three, 3),
            conv(conv(x, before5, 1), five, 5),
            conv(b.max_pool(x, 3, 1, 1), after, 1),
        ]
        x = b.concat(branches)
    return b.dense(b.dropout(b.mean(x), 0.4), 1000)


# ---------------------------------------------------------------------------- the table


@dataclass(frozen=True)
class Workload:
    """A network with the shape of one example, and how it is used.

    Attributes:
        optimizer: adam (rate 0.001) or sgd (rate 0.01, momentum 0.9); None: only inference is timed
        inference: batch sizes of inference
    """

    title: str
    network: Network
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
    "W1": Workload("MLP 784-256-256-10", mlp, (784,), 10, 128, "adam", (1, 128)),
    "W2": Workload("small CNN 28x28", small_cnn, (28, 28, 1), 10, 128, "adam", (1, 128)),
    "W3": Workload("slides CNN 32x32", slides_cnn, (32, 32, 3), 10, 64, "sgd", (1, 64)),
    "W4": Workload("LSTM-128, 28 rows", lstm, (28, 28), 10, 128, "adam", (1, 128)),
    "W5": Workload("ResNet-50", resnet50, (224, 224, 3), 1000, 8, "sgd", (1, 8)),
    "W6": Workload("VGG-16", vgg16, (224, 224, 3), 1000, 8, None, (1,)),
    "W7": Workload("GoogLeNet", googlenet, (224, 224, 3), 1000, 8, "sgd", (1,)),
}
# fmt: on
