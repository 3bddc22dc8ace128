"""The networks as ONNX models, for the two peers that only run inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import Layout, Weights, Workload

Value = tuple[str, tuple[int, ...]]
"""A name and its shape; pictures are channels first."""
OPSET = 20


def _windows(x: Value, size: int, stride: int, pad: int) -> tuple[int, ...]:
    return tuple((n + 2 * pad - size) // stride + 1 for n in x[1][2:])


class OnnxBuilder:
    """Appends nodes; weights are initializers."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.weights = Weights(self._initializer)
        self.picture: tuple[int, ...] = ()

    def _initializer(self, array: np.ndarray) -> str:
        name = f"weight_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def _node(
        self,
        op: str,
        inputs: Sequence[str],
        shape: tuple[int, ...],
        outputs: int = 1,
        **attributes: object,
    ) -> Value:
        """Append a node; its last output."""
        names = [""] * (outputs - 1) + [f"value_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[-1], shape

    def conv(
        self, x: Value, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Value:
        layout: Layout = lambda a: a.transpose(3, 2, 0, 1)  # noqa: E731
        inputs = [x[0], self.weights.normal((size, size, x[1][1], filters), layout)]
        if bias:
            inputs.append(self.weights.constant(filters, 0.0))
        shape = (x[1][0], filters, *_windows(x, size, stride, pad))
        return self._node("Conv", inputs, shape, strides=[stride] * 2, pads=[pad] * 4)

    def norm(self, x: Value) -> Value:
        channels = x[1][1]
        gamma, beta = (self.weights.constant(channels, fill) for fill in (1.0, 0.0))
        moments = [self._initializer(np.full(channels, fill, np.float32)) for fill in (0.0, 1.0)]
        inputs = [x[0], gamma, beta, *moments]
        return self._node("BatchNormalization", inputs, x[1], epsilon=1e-3)

    def dense(self, x: Value, units: int) -> Value:
        picture, self.picture = self.picture, ()

        def layout(a: np.ndarray) -> np.ndarray:
            if picture:  # rows in the order in which Flatten gives channels first
                channels, *sizes = picture
                a = np.moveaxis(a.reshape(*sizes, channels, units), 2, 0).reshape(-1, units)
            return a

        inputs = [x[0], self.weights.normal((x[1][1], units), layout)]
        inputs.append(self.weights.constant(units, 0.0))
        return self._node("Gemm", inputs, (x[1][0], units))

    def lstm(self, x: Value, units: int) -> Value:
        batch, _, inputs = x[1]

        def layout(a: np.ndarray) -> np.ndarray:
            i, f, g, o = np.split(a.T, 4)
            return np.concatenate([i, o, f, g])[None]

        outer = self.weights.normal((inputs, 4 * units), layout)
        self.weights.constant(4 * units, 0.0)
        inner = self.weights.normal((units, 4 * units), layout)
        rows, _ = self._node("Transpose", [x[0]], (), perm=[1, 0, 2])
        last, _ = self._node("LSTM", [rows, outer, inner], (), 2, hidden_size=units)
        axis = self._initializer(np.zeros(1, np.int64))
        return self._node("Squeeze", [last, axis], (batch, units))

    def dropout(self, x: Value, rate: float) -> Value:  # noqa: ARG002
        return x

    def relu(self, x: Value) -> Value:
        return self._node("Relu", [x[0]], x[1])

    def max_pool(self, x: Value, size: int, stride: int, pad: int = 0) -> Value:
        shape = (*x[1][:2], *_windows(x, size, stride, pad))
        return self._node(
            "MaxPool", [x[0]], shape, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4
        )

    def mean(self, x: Value) -> Value:
        pooled, _ = self._node("GlobalAveragePool", [x[0]], ())
        return self._node("Flatten", [pooled], x[1][:2])

    def flatten(self, x: Value) -> Value:
        self.picture = x[1][1:]
        return self._node("Flatten", [x[0]], (x[1][0], int(np.prod(x[1][1:]))))

    def add(self, x: Value, y: Value) -> Value:
        return self._node("Add", [x[0], y[0]], x[1])

    def concat(self, xs: Sequence[Value]) -> Value:
        batch, _, *sizes = xs[0][1]
        shape = (batch, sum(x[1][1] for x in xs), *sizes)
        return self._node("Concat", [x[0] for x in xs], shape, axis=1)


def channels_first(x: np.ndarray) -> np.ndarray:
    """Pictures as the models take them; other examples as they are."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def model(w: Workload, x: np.ndarray) -> bytes:
    """The network for examples of this shape, channels first: input `x`, one output."""
    builder = OnnxBuilder()
    name, shape = w.network(builder, ("x", x.shape))
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("x", x.shape), (name, shape))
    ]
    graph = helper.make_graph(
        builder.nodes, "network", values[:1], values[1:], builder.initializers
    )
    imports = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()
