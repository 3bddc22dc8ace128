"""The cases in JAX: each one jitted function; training keeps its state on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from benchmarks.networks import WORKLOADS
from benchmarks.peers.on_jax import LAYOUT, JaxBuilder
from benchmarks.peers.on_jax import Jax as Steps

from .cases import Case, Convolution, Product, Rows, Training, arrays_of
from .way import Way, mean_size


def _layer_norm(x: Array, _: Array, r: Array, s: Array) -> Array:
    wide = x.astype(jnp.float32)
    mean, spread = wide.mean(-1, keepdims=True), wide.var(-1, keepdims=True)
    return ((wide - mean) * lax.rsqrt(spread + 1e-5) * r + s).astype(x.dtype)


def _batch_norm(x: Array, _: Array, r: Array, s: Array) -> Array:
    wide = x.astype(jnp.float32)
    mean, spread = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
    return ((wide - mean) * lax.rsqrt(spread + 1e-5) * r + s).astype(x.dtype)


ROWS: Mapping[str, Callable[[Array, Array, Array, Array], Array]] = {
    "softmax": lambda x, y, r, s: jax.nn.softmax(x),
    "layer norm": _layer_norm,
    "batch norm": _batch_norm,
    "gelu(x r + s) + y": lambda x, y, r, s: jax.nn.gelu(x * r + s, approximate=False) + y,
}


class MixedBuilder(JaxBuilder):
    """Convolutions and matrix products in bfloat16, weights and moments in float32."""

    def conv(
        self, x: Array, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Array:
        return super().conv(x.astype(jnp.bfloat16), filters, size, stride, pad, bias)

    def dense(self, x: Array, units: int) -> Array:
        return super().dense(x.astype(jnp.bfloat16), units)

    def norm(self, x: Array) -> Array:
        return super().norm(x.astype(jnp.float32)).astype(x.dtype)

    def read(self, weight: Array) -> Array:
        return weight.astype(jnp.bfloat16)


class Jax:
    """A call is one jitted function."""

    def __init__(self) -> None:
        self.versions = {"jax": jax.__version__}

    def device(self) -> dict[str, str]:
        return {"name": jax.devices()[0].device_kind}

    def ways(self, case: Case) -> Mapping[str, Callable[[], Way]]:
        return {"jax": partial(self._training if isinstance(case, Training) else self._call, case)}

    def seconds(self, queue: Callable[[], object], count: int) -> float:
        """From the first call to the end of the last: calls queue up."""
        start = time.perf_counter()
        for _ in range(count - 1):
            queue()
        jax.block_until_ready(queue())
        return time.perf_counter() - start

    def _call(self, case: Product | Convolution | Rows) -> Way:
        arrays = [jnp.asarray(a, case.dtype) for a in arrays_of(case)]
        if isinstance(case, Convolution):
            call = convolution(case)
        else:
            call = ROWS[case.op] if isinstance(case, Rows) else jnp.matmul
        compiled = jax.jit(call)

        def queue() -> Array:
            return compiled(*arrays)

        return Way(queue, lambda: mean_size(jnp.asarray(queue(), jnp.float32)))

    def _training(self, case: Training) -> Way:
        x, labels = arrays_of(case)
        steps = Steps(MixedBuilder if case.mixed else JaxBuilder)
        step = steps.training(WORKLOADS[case.workload], x, labels, waits=False)
        return Way(step, lambda: mean_size(step()), lambda: float(step(x, labels)))


def convolution(case: Convolution) -> Callable[[Array, Array, Array], Array]:
    """The forward pass, or one of the gradients."""
    pads, strides = ((case.pad, case.pad),) * 2, (case.stride, case.stride)

    def forward(x: Array, kernel: Array) -> Array:
        return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT)

    if case.direction == "forward":
        return lambda x, kernel, dy: forward(x, kernel)
    which = int(case.direction == "wgrad")
    return lambda x, kernel, dy: jax.vjp(forward, x, kernel)[1](dy)[which]


def make(device: str) -> Jax:  # noqa: ARG001
    """Exact float32 where no bfloat16 is asked for, as in graphc."""
    jax.config.update("jax_default_matmul_precision", "highest")
    return Jax()
