"""keras.src.random: draws and seeds of graphc under Keras's names."""

from __future__ import annotations

import numpy as np

import graphc as gx
from graphc.frontend.seeds import SeedGenerator, generator  # noqa: F401
from graphc.ir.node import Tensor


def uniform(
    shape: object, minval: float = 0.0, maxval: float = 1.0, dtype: object = None,
    seed: object = None,
) -> Tensor:  # fmt: skip
    return gx.as_tensor(generator(seed).uniform(minval, maxval, shape).astype(np.float32))


def randint(shape, minval, maxval, dtype="int32", seed=None):
    return gx.constant(generator(seed).integers(minval, maxval, shape), str(dtype))


def normal(
    shape: object, mean: float = 0.0, stddev: float = 1.0, dtype: object = None,
    seed: object = None,
) -> Tensor:  # fmt: skip
    return gx.as_tensor(generator(seed).normal(mean, stddev, shape).astype(np.float32))
