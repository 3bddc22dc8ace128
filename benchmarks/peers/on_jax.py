"""JAX: a whole training step, or inference, in one jitted function; state is donated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from benchmarks.networks import Weights, Workload

State = tuple[list[Array], list[Array], list[Array], list[Array], Array, Array]
"""weights, moments of batch normalisation, two moments of the gradient, step, random key"""
LAYOUT = ("NHWC", "HWIO", "NHWC")


class JaxBuilder:
    """Pictures are channels last. `moments` holds the new ones after a pass in training."""

    def __init__(self, training: bool, key: Array | None = None) -> None:
        self.training, self.key = training, key
        self.weights: Weights[Array] = Weights(jnp.asarray)
        self.given: Weights[Array] = Weights(jnp.asarray)
        self.moments: list[Array] = []

    def conv(
        self, x: Array, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Array:
        kernel = self.weights.normal((size, size, x.shape[3], filters))
        pads = ((pad, pad), (pad, pad))
        kernel = self.read(kernel)
        y = lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=LAYOUT)
        return y + self.read(self.weights.constant(filters, 0.0)) if bias else y

    def read(self, weight: Array) -> Array:
        """A weight as convolutions and products read it."""
        return weight

    def norm(self, x: Array) -> Array:
        channels = x.shape[3]
        gamma, beta = (self.weights.constant(channels, fill) for fill in (1.0, 0.0))
        old = [self.given.constant(channels, fill) for fill in (0.0, 1.0)]
        mean, spread = old
        if self.training:
            mean = x.mean((0, 1, 2))
            spread = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
            self.moments += [0.9 * o + 0.1 * n for o, n in zip(old, (mean, spread), strict=True)]
        factor = gamma * lax.rsqrt(spread + 1e-3)
        return x * factor + (beta - mean * factor)

    def dense(self, x: Array, units: int) -> Array:
        kernel = self.read(self.weights.normal((x.shape[1], units)))
        return x @ kernel + self.read(self.weights.constant(units, 0.0))

    def lstm(self, x: Array, units: int) -> Array:
        outer = self.weights.normal((x.shape[2], 4 * units))
        rows = jnp.moveaxis(x @ outer + self.weights.constant(4 * units, 0.0), 1, 0)
        inner = self.weights.normal((units, 4 * units))

        def step(carry: tuple[Array, Array], row: Array) -> tuple[tuple[Array, Array], None]:
            h, c = carry
            i, f, g, o = jnp.split(row + h @ inner, 4, 1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zero = jnp.zeros((x.shape[0], units))
        return lax.scan(step, (zero, zero), rows)[0][0]

    def dropout(self, x: Array, rate: float) -> Array:
        if not self.training or self.key is None:
            return x
        self.key, key = jax.random.split(self.key)
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)

    def relu(self, x: Array) -> Array:
        return jax.nn.relu(x)

    def max_pool(self, x: Array, size: int, stride: int, pad: int = 0) -> Array:
        pads = ((0, 0), (pad, pad), (pad, pad), (0, 0))
        window, strides = (1, size, size, 1), (1, stride, stride, 1)
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, pads)

    def mean(self, x: Array) -> Array:
        return x.mean((1, 2))

    def flatten(self, x: Array) -> Array:
        return x.reshape(x.shape[0], -1)

    def add(self, x: Array, y: Array) -> Array:
        return x + y

    def concat(self, xs: Sequence[Array]) -> Array:
        return jnp.concatenate(list(xs), 3)


def _pass(w: Workload, builder: JaxBuilder, state: State, x: Array) -> Array:
    builder.weights.restart(list(state[0]))
    builder.given.restart(list(state[1]))
    return w.network(builder, x)


def _start(w: Workload, x: np.ndarray) -> State:
    """Weights and the rest, made while only shapes flow through the network."""
    builder = JaxBuilder(False)
    builder.weights.convert = builder.given.convert = np.asarray  # pyright: ignore
    jax.eval_shape(lambda x: w.network(builder, x), jax.ShapeDtypeStruct(x.shape, x.dtype))
    weights = [jnp.asarray(a) for a in builder.weights.values]
    moments = [jnp.asarray(a) for a in builder.given.values]
    zeros = [[jnp.zeros_like(a) for a in weights] for _ in range(2)]
    return weights, moments, zeros[0], zeros[1], jnp.float32(0), jax.random.key(0)


def _adam(
    weights: list[Array], grads: list[Array], m: list[Array], v: list[Array], step: Array
) -> tuple[list[Array], list[Array], list[Array]]:
    m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
    v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
    rate = 1e-3 * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    new = [w - rate * a / (jnp.sqrt(b) + 1e-7) for w, a, b in zip(weights, m, v, strict=True)]
    return new, m, v


def _sgd(
    weights: list[Array], grads: list[Array], m: list[Array], v: list[Array], _: Array
) -> tuple[list[Array], list[Array], list[Array]]:
    m = [0.9 * a + g for a, g in zip(m, grads, strict=True)]
    return [w - 1e-2 * a for w, a in zip(weights, m, strict=True)], m, v


class Jax:
    """A call is one jitted function, waited for."""

    def __init__(self, builder: type[JaxBuilder] = JaxBuilder) -> None:
        self.versions = {"jax": jax.__version__}
        self.builder = builder

    def training(
        self, w: Workload, x: np.ndarray, labels: np.ndarray, waits: bool = True
    ) -> Callable[..., Array]:
        """A step, of these examples unless it is given others."""
        update = _adam if w.optimizer == "adam" else _sgd

        def train(state: State, x: Array, labels: Array) -> tuple[State, Array]:
            weights, moments, m, v, step, key = state
            key, used = jax.random.split(key)

            def loss(weights: list[Array]) -> tuple[Array, list[Array]]:
                builder = self.builder(True, used)
                logits = _pass(w, builder, (weights, moments, m, v, step, key), x)
                rows = jax.nn.log_softmax(logits.astype(jnp.float32))
                return -jnp.take_along_axis(rows, labels[:, None], 1).mean(), builder.moments

            (value, moments), grads = jax.value_and_grad(loss, has_aux=True)(weights)
            weights, m, v = update(weights, grads, m, v, step + 1)
            return (weights, moments, m, v, step + 1, key), value

        compiled = jax.jit(train, donate_argnums=0)
        state = [_start(w, x)]
        images, answers = jnp.asarray(x), jnp.asarray(labels)

        def step(x: Array = images, labels: Array = answers) -> Array:
            state[0], loss = compiled(state[0], x, labels)
            return jax.block_until_ready((state[0], loss))[1] if waits else loss

        return step

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        state, images = _start(w, x), jnp.asarray(x)
        compiled = jax.jit(lambda state, x: _pass(w, self.builder(False), state, x))
        return lambda: compiled(state, images).block_until_ready()


def make(variant: Sequence[str], threads: int) -> Jax:  # noqa: ARG001
    """The threads are the cores that the process may use."""
    return Jax()
