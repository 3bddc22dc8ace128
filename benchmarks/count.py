"""Operations of a network, counted while only shapes flow through it.

forward    2 x the products in convolutions and matrix products, taps in the padding included
training   three times that: each has two gradients; the first layer needs none of its input
"""

from __future__ import annotations

from collections.abc import Sequence

from .networks import Workload

Shape = tuple[int, ...]


class Counter:
    """The layers as shapes. `forward` and `training` are operations, `weights` numbers; `drops`
    tells whether training is random."""

    def __init__(self) -> None:
        self.forward = self.training = self.weights = 0
        self.drops = False

    def conv(
        self, x: Shape, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Shape:
        height, width = _windows(x, size, stride, pad)
        taps = size * size * x[3]
        self._products(x[0] * height * width * filters * taps, filters * (taps + bias))
        return (x[0], height, width, filters)

    def norm(self, x: Shape) -> Shape:
        self.weights += 2 * x[-1]
        return x

    def dense(self, x: Shape, units: int) -> Shape:
        self._products(x[0] * x[1] * units, (x[1] + 1) * units)
        return (x[0], units)

    def lstm(self, x: Shape, units: int) -> Shape:
        batch, rows, inputs = x
        self._products(batch * rows * inputs * 4 * units, (inputs + 1) * 4 * units)
        self._products(batch * rows * units * 4 * units, units * 4 * units)
        return (batch, units)

    def dropout(self, x: Shape, rate: float) -> Shape:
        self.drops |= rate > 0
        return x

    def relu(self, x: Shape) -> Shape:
        return x

    def max_pool(self, x: Shape, size: int, stride: int, pad: int = 0) -> Shape:
        return (x[0], *_windows(x, size, stride, pad), x[3])

    def mean(self, x: Shape) -> Shape:
        return (x[0], x[3])

    def flatten(self, x: Shape) -> Shape:
        return (x[0], x[1] * x[2] * x[3])

    def add(self, x: Shape, y: Shape) -> Shape:
        assert x == y, "what is added has one shape"
        return x

    def concat(self, xs: Sequence[Shape]) -> Shape:
        return (*xs[0][:3], sum(x[3] for x in xs))

    def _products(self, products: int, weights: int) -> None:
        self.training += 2 * products * (3 if self.forward else 2)
        self.forward += 2 * products
        self.weights += weights


def _windows(x: Shape, size: int, stride: int, pad: int) -> Shape:
    return tuple((n + 2 * pad - size) // stride + 1 for n in x[1:3])


def counted(w: Workload, batch: int) -> Counter:
    """The counts of a network."""
    counter = Counter()
    w.network(counter, (batch, *w.shape))
    return counter


def flops(w: Workload, batch: int, training: bool) -> int:
    """Operations of a training step, or of inference."""
    counter = counted(w, batch)
    return counter.training if training else counter.forward
