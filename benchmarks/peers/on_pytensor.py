"""PyTensor in numba mode: networks of dense layers only, it has no convolution with channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.random.utils import RandomStream
from pytensor.tensor.variable import TensorVariable

from benchmarks.networks import Weights, Workload

Value = tuple[TensorVariable, int, int]
"""A matrix, its rows and columns."""


def _shared(value: np.ndarray) -> SharedVariable:
    return pytensor.shared(np.asarray(value, np.float32), borrow=True)


class PytensorBuilder:
    """The layers of a multilayer perceptron."""

    def __init__(self, training: bool) -> None:
        self.training = training
        self.weights = Weights(_shared)
        self.random = RandomStream(0)

    def dense(self, x: Value, units: int) -> Value:
        kernel = self.weights.normal((x[2], units))
        return x[0] @ kernel + self.weights.constant(units, 0.0), x[1], units

    def relu(self, x: Value) -> Value:
        return pt.maximum(x[0], np.float32(0)), x[1], x[2]

    def dropout(self, x: Value, rate: float) -> Value:
        if not self.training:
            return x
        kept = self.random.bernoulli(1 - rate, size=x[1:]).astype("float32")
        return x[0] * kept * np.float32(1 / (1 - rate)), x[1], x[2]


class Pytensor:
    """A call is one compiled function."""

    def __init__(self) -> None:
        self.versions = {"pytensor": pytensor.__version__}

    def training(self, w: Workload, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
        assert w.optimizer == "adam", "the networks of dense layers are trained with Adam"
        builder = PytensorBuilder(True)
        answers = pytensor.shared(labels)
        logits, *_ = w.network(builder, (_shared(x), *x.shape))  # pyright: ignore
        rows = pt.special.log_softmax(logits, axis=1)
        loss = -rows[pt.arange(len(labels)), answers].mean()
        weights = builder.weights.values
        updates = _adam(weights, pytensor.grad(loss, weights)) | dict(builder.random.updates())
        return pytensor.function([], loss, updates=updates, mode="NUMBA")

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        logits, *_ = w.network(PytensorBuilder(False), (_shared(x), *x.shape))  # pyright: ignore
        return pytensor.function([], logits, mode="NUMBA")


def _adam(
    weights: Sequence[SharedVariable], grads: Sequence[TensorVariable]
) -> dict[SharedVariable, TensorVariable]:
    f = np.float32
    step = pytensor.shared(f(0))
    new = step + f(1)
    rate = f(1e-3) * pt.sqrt(1 - f(0.999) ** new) / (1 - f(0.9) ** new)
    updates = {step: new.astype("float32")}
    for w, g in zip(weights, grads, strict=True):
        m, v = (_shared(np.zeros_like(w.get_value())) for _ in range(2))
        one, two = f(0.9) * m + f(0.1) * g, f(0.999) * v + f(0.001) * g * g
        following = w - rate * one / (pt.sqrt(two) + f(1e-7))
        updates |= {k: u.astype("float32") for k, u in ((m, one), (v, two), (w, following))}
    return updates


def make(variant: Sequence[str], threads: int) -> Pytensor:  # noqa: ARG001
    return Pytensor()
