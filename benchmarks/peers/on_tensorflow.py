"""TensorFlow: one `tf.function`, plain or compiled by XLA, with the optimizers' own kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from benchmarks.networks import Weights, Workload

Tensor = tf.Tensor


class TensorFlowBuilder:
    """Pictures are channels last; weights and moments are variables."""

    def __init__(self, xla: bool) -> None:
        self.training, self.xla = False, xla
        self.weights = Weights(tf.Variable)
        self.moments = Weights(lambda array: tf.Variable(array, trainable=False))

    def __call__(self, w: Workload, x: Tensor) -> Tensor:
        """The logits."""
        self.weights.restart()
        self.moments.restart()
        return w.network(self, x)

    def conv(
        self, x: Tensor, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Tensor:
        kernel = self.weights.normal((size, size, x.shape[3], filters))
        pads = [[0, 0], [pad, pad], [pad, pad], [0, 0]] if pad else "VALID"
        y = tf.nn.conv2d(x, kernel, stride, pads)
        return tf.nn.bias_add(y, self.weights.constant(filters, 0.0)) if bias else y

    def norm(self, x: Tensor) -> Tensor:
        channels = x.shape[3]
        gamma, beta = (self.weights.constant(channels, fill) for fill in (1.0, 0.0))
        mean, spread = (self.moments.constant(channels, fill) for fill in (0.0, 1.0))
        y, new_mean, new_spread = tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, mean, spread, 1e-3, is_training=self.training,
            exponential_avg_factor=0.1 if self.training else 1.0,
        )  # fmt: skip
        if self.training:
            mean.assign(new_mean)
            spread.assign(new_spread)
        return y

    def dense(self, x: Tensor, units: int) -> Tensor:
        y = tf.matmul(x, self.weights.normal((x.shape[1], units)))
        return tf.nn.bias_add(y, self.weights.constant(units, 0.0))

    def lstm(self, x: Tensor, units: int) -> Tensor:
        batch, count, inputs = x.shape
        flat = self.dense(tf.reshape(x, (batch * count, inputs)), 4 * units)
        inner = self.weights.normal((units, 4 * units))
        h = c = tf.zeros((batch, units))
        for row in tf.unstack(tf.reshape(flat, (batch, count, 4 * units)), axis=1):
            i, f, g, o = tf.split(row + tf.matmul(h, inner), 4, 1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
        return h

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        return tf.nn.dropout(x, rate) if self.training else x

    def relu(self, x: Tensor) -> Tensor:
        return tf.nn.relu(x)

    def max_pool(self, x: Tensor, size: int, stride: int, pad: int = 0) -> Tensor:
        pads = [[0, 0], [pad, pad], [pad, pad], [0, 0]] if pad else "VALID"
        if pad and self.xla:  # which pads convolutions, but no pools
            x, pads = tf.pad(x, pads, constant_values=-np.inf), "VALID"
        return tf.nn.max_pool2d(x, size, stride, pads)

    def mean(self, x: Tensor) -> Tensor:
        return tf.reduce_mean(x, (1, 2))

    def flatten(self, x: Tensor) -> Tensor:
        return tf.reshape(x, (x.shape[0], -1))

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def concat(self, xs: Sequence[Tensor]) -> Tensor:
        return tf.concat(list(xs), 3)


class _Sgd:
    def __init__(self, weights: Sequence[tf.Variable]) -> None:
        self.moments = [tf.Variable(tf.zeros_like(v)) for v in weights]

    def apply(self, weights: Sequence[tf.Variable], grads: Sequence[Tensor]) -> None:
        for v, m, g in zip(weights, self.moments, grads, strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=v.handle, accum=m.handle, lr=1e-2, grad=g, momentum=0.9
            )


class _Adam:
    def __init__(self, weights: Sequence[tf.Variable]) -> None:
        self.moments = [[tf.Variable(tf.zeros_like(v)) for v in weights] for _ in range(2)]
        self.powers = [tf.Variable(b) for b in (0.9, 0.999)]

    def apply(self, weights: Sequence[tf.Variable], grads: Sequence[Tensor]) -> None:
        one, two = self.powers
        for v, m, s, g in zip(weights, *self.moments, grads, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=v.handle, m=m.handle, v=s.handle, beta1_power=one, beta2_power=two,
                lr=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-7, grad=g,
            )  # fmt: skip
        one.assign(one * 0.9)
        two.assign(two * 0.999)


class TensorFlow:
    """A call is one `tf.function`."""

    def __init__(self, xla: bool) -> None:
        self.versions = {"tensorflow": tf.__version__}
        self.xla = xla

    def training(self, w: Workload, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
        builder = TensorFlowBuilder(self.xla)
        images, answers = tf.constant(x), tf.constant(labels)
        builder(w, images[:1])  # makes the weights
        builder.training = True
        weights = builder.weights.values
        optimizer = (_Adam if w.optimizer == "adam" else _Sgd)(weights)

        @tf.function(jit_compile=self.xla)
        def step(images: Tensor, answers: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                rows = tf.nn.sparse_softmax_cross_entropy_with_logits(answers, builder(w, images))
                loss = tf.reduce_mean(rows)
            optimizer.apply(weights, tape.gradient(loss, weights))
            return loss

        return lambda: step(images, answers).numpy()

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        builder, images = TensorFlowBuilder(self.xla), tf.constant(x)
        builder(w, images[:1])
        logits = tf.function(lambda x: builder(w, x), jit_compile=self.xla)
        return lambda: logits(images).numpy()


def make(variant: Sequence[str], threads: int) -> TensorFlow:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.random.set_seed(0)
    return TensorFlow("xla" in variant)
