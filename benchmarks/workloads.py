"""W1 to W7 as compiled functions: the layers of `networks.Builder` in graphc, then whole steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from graphc import compiler, dtypes
from graphc.compiler import Function
from graphc.diff.reverse import grad
from graphc.dtypes import DType
from graphc.frontend import losses, optimizers, seeds
from graphc.frontend.effects import collecting_effects
from graphc.ir.node import Tensor
from graphc.ops import control, convert, elementwise, leaf, movement, nn, reduce
from graphc.ops.matmul import matmul
from graphc.ops.variable import Variable, variable

from .networks import WORKLOADS, Weights, Workload

__all__ = ["WORKLOADS", "GraphBuilder", "Workload", "inference", "training", "training_graph"]


class GraphBuilder:
    """If not `training`, batch normalisation uses the moments it has and dropout does nothing.

    Convolutions and dense layers compute in `compute`; weights and moments are float32.
    """

    def __init__(
        self, training: bool, seed: int | None = 0, compute: DType = dtypes.float32
    ) -> None:
        self.training, self.compute = training, compute
        self.given = Weights(lambda array: variable(array, name="weight"), seed)
        self.updates: dict[Variable, Tensor] = {}
        self.keys = seeds.SeedGenerator(1)

    @property
    def weights(self) -> list[Variable]:
        """What is trained."""
        return self.given.values

    def conv(
        self, x: Tensor, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Tensor:
        kernel = self.given.normal((size, size, int(x.shape[-1]), filters))
        pads = ((pad, pad), (pad, pad))
        y = nn.conv2d(self._read(x), self._read(kernel), strides=stride, padding=pads)
        return y + self._read(self.given.constant(filters, 0.0)) if bias else y

    def _read(self, x: Tensor) -> Tensor:
        return convert.cast(x, self.compute)

    def norm(self, x: Tensor, momentum: float = 0.9) -> Tensor:
        channels = int(x.shape[-1])
        gamma, beta = self.given.constant(channels, 1.0), self.given.constant(channels, 0.0)
        moments = [
            variable(np.full(channels, start, np.float32), name="moment", trainable=False)
            for start in (0, 1)
        ]
        if not self.training:
            return nn.batch_norm_inference(x, *moments, gamma, beta)
        y, mean, spread = nn.batch_norm(convert.cast(x, dtypes.float32), gamma, beta)
        for old, new in zip(moments, (mean, spread), strict=True):
            self.updates[old] = old * momentum + new * (1 - momentum)
        return self._read(y)

    def dense(self, x: Tensor, units: int) -> Tensor:
        kernel = self._read(self.given.normal((int(x.shape[-1]), units)))
        return matmul(self._read(x), kernel) + self._read(self.given.constant(units, 0.0))

    def lstm(self, x: Tensor, units: int) -> Tensor:
        outer = self.dense(x, 4 * units)
        inner = self.given.normal((units, 4 * units))

        def step(carry: tuple[Tensor, Tensor], row: Tensor) -> tuple[tuple[Tensor, Tensor], None]:
            h, c = carry
            gates = row + matmul(h, inner)
            i, f, g, o = (gates[:, k * units : (k + 1) * units] for k in range(4))
            kept = elementwise.mul(elementwise.sigmoid(f), c)
            c = kept + elementwise.sigmoid(i) * elementwise.tanh(g)
            return (elementwise.sigmoid(o) * elementwise.tanh(c), c), None

        zero = leaf.zeros((x.shape[0], units))
        (h, _), _ = control.scan(step, (zero, zero), movement.transpose(outer, (1, 0, 2)))
        return h

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        return nn.dropout(x, rate, self.keys.next_key()) if self.training else x

    def relu(self, x: Tensor) -> Tensor:
        return nn.relu(x)

    def max_pool(self, x: Tensor, size: int, stride: int, pad: int = 0) -> Tensor:
        return nn.max_pool(x, size, stride, ((pad, pad), (pad, pad)))

    def mean(self, x: Tensor) -> Tensor:
        return reduce.mean(x, axis=(1, 2))

    def flatten(self, x: Tensor) -> Tensor:
        return movement.flatten(x, 1)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def concat(self, xs: Sequence[Tensor]) -> Tensor:
        return movement.concat(xs, axis=-1)


def training_graph(
    w: Workload, seed: int | None = 0, compute: DType = dtypes.float32
) -> tuple[list[Tensor], Tensor, dict[Variable, Tensor]]:
    """Inputs (examples and labels), loss, and what all variables become, for any batch size."""
    x = leaf.placeholder((None, *w.shape), name="x")
    labels = leaf.placeholder((None,), "int32", name="labels")
    builder = GraphBuilder(True, seed, compute)
    with collecting_effects() as effects:
        logits = convert.cast(w.network(builder, x), dtypes.float32)
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
    logits = w.network(GraphBuilder(False, seed), x)
    return compiler.function(x, logits, inference=True, fast_math=True, disable=disable)
