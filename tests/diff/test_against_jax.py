"""The same functions in JAX: gradients agree, ties included where both define them alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate
from graphc.diff.reverse import vjp
from graphc.ir.node import Tensor
from graphc.ops import activation, control, conv, elementwise, index, matmul, pool, reduce

from .checking import placeholders
from .samples import ZEROS, distinct

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)
jnp, lax = jax.numpy, jax.lax

TIES = np.array([[1.0, 3.0, 3.0, 0.0], [2.0, 2.0, 2.0, 1.0]])
PLACES = np.array([2, 0, 2], np.int32)


def random(*shape: int) -> np.ndarray:
    return distinct(np.random.default_rng(5), shape)


def ours_conv(x: Tensor, w: Tensor) -> Tensor:
    return conv.conv_general(x, w, strides=(2, 1), padding=((1, 2), (0, 1)),
                             kernel_dilation=(1, 2), groups=2)  # fmt: skip


def their_conv(x: object, w: object) -> object:
    return lax.conv_general_dilated(x, w, (2, 1), ((1, 2), (0, 1)), rhs_dilation=(1, 2),
                                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                                    feature_group_count=2)  # fmt: skip


def ours_pool(x: Tensor) -> Tensor:
    return pool.window_reduce(x, "max", window=(3, 2), strides=(2, 1), padding=((1, 1), (0, 1)))


def their_pool(x: object) -> object:
    return lax.reduce_window(x, -jnp.inf, lax.max, (3, 2), (2, 1), ((1, 1), (0, 1)))


def ours_rnn(h: Tensor, w: Tensor, xs: Tensor) -> list[Tensor]:
    def step(c: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        new = elementwise.tanh(matmul.matmul(c, w) + x)
        return new, new * c

    return list(control.scan(step, h, xs))


def their_rnn(h: object, w: object, xs: object) -> list[object]:
    def step(c: object, x: object) -> tuple[object, object]:
        new = jnp.tanh(c @ w + x)
        return new, new * c

    return list(lax.scan(step, h, xs))


BASE, EXPONENT = np.array([0, 0.5, 2]), np.array([2.0, 0, 3])
BLOCKS = "bik,kjb->jbi"

# fmt: off
PAIRS: dict[str, tuple[Callable[..., object], Callable[..., object], list[np.ndarray]]] = {
    "max":       (lambda x: reduce.max(x, 1),       lambda x: jnp.max(x, 1),           [TIES]),
    "maximum":   (elementwise.maximum,              jnp.maximum,                       [*TIES]),
    "relu":      (activation.relu,                  jax.nn.relu,                       [TIES - 2]),
    "abs":       (elementwise.abs,                  jnp.abs,                           [TIES - 4]),
    "pow":       (elementwise.pow,                  jnp.power,                    [BASE, EXPONENT]),
    "prod":      (lambda x: reduce.prod(x, 1),      lambda x: jnp.prod(x, 1),          [ZEROS]),
    "cumprod":   (lambda x: reduce.cumprod(x, 1),   lambda x: jnp.cumprod(x, 1),   [random(2, 5)]),
    "cummax":    (lambda x: reduce.cummax(x, 1),    lambda x: lax.cummax(x, 1),    [random(3, 5)]),
    "logsumexp": (lambda x: reduce.logsumexp(x, 1), lambda x: jax.nn.logsumexp(x, 1),  [TIES]),
    "softmax":   (activation.softmax,               jax.nn.softmax,                    [TIES]),
    "sort":      (lambda x: index.sort(x, 1),       lambda x: jnp.sort(x, 1),      [random(3, 5)]),
    "take":      (lambda x: index.take(x, PLACES),  lambda x: x[PLACES],           [random(3, 2)]),
    "max pool":  (ours_pool,                        their_pool,                    [random(7, 5)]),
    "scatter":   (lambda x, u: index.scatter_add(x, PLACES, u),
                  lambda x, u: x.at[PLACES].add(u),                     [random(3), random(3)]),
    "conv":      (ours_conv, their_conv,                [random(2, 6, 5, 4), random(3, 2, 2, 6)]),
    "einsum":    (lambda a, b: matmul.einsum(BLOCKS, a, b),
                  lambda a, b: jnp.einsum(BLOCKS, a, b),       [random(2, 3, 5), random(5, 1, 2)]),
    "scan":      (ours_rnn, their_rnn,                   [random(3), random(3, 3), random(5, 3)]),
}
# fmt: on


@pytest.mark.parametrize("name", PAIRS)
def test_gradients_agree(name: str) -> None:
    ours, theirs, values = PAIRS[name]
    inputs = placeholders(values)
    result = ours(*inputs)
    outputs = [result] if isinstance(result, Tensor) else list(result)
    found, pull = jax.vjp(theirs, *values)
    cts = [np.asarray(np.random.default_rng(2).normal(size=y.shape))
           for y in (found if isinstance(found, list) else [found])]  # fmt: skip
    wanted = pull(cts if isinstance(found, list) else cts[0])
    got = evaluate(vjp(outputs, inputs, cts), dict(zip(inputs, values)))
    for a, b in zip(got, wanted):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
