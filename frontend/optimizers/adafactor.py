"""Adafactor: the magnitudes of a matrix of gradients kept as one row and one column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack, final

import numpy as np

from graphc.ir.node import Tensor
from graphc.ops.elementwise import maximum, minimum, rsqrt, sqrt, square
from graphc.ops.movement import expand_dims
from graphc.ops.reduce import mean

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate
from .step import State, Step


@final
class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern 2018, algorithms 4 and 5), at step t = 1, 2, ...

        s = min(rate, 1 / sqrt(t))
        b = 1 - t**beta_2_decay
        q = g**2 + epsilon_1
        r = b * r + (1 - b) * row means of q,   c = b * c + (1 - b) * column means of q
        v = r * c / mean of r                 matrices: rows and columns are the last two axes
        v = b * v + (1 - b) * q               vectors and numbers
        u = g / sqrt(v)
        w = w - max(epsilon_2, rms(w)) * s * u / max(1, rms(u) / clip_threshold)

    The state is r and c of matrices, and v. `relative_step` is there for Keras' sake: the rate is
    bounded by 1 / sqrt(t) with it and without it.
    """

    def __init__(
        self, learning_rate: GivenRate = 0.001, beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30, epsilon_2: float = 1e-3, clip_threshold: float = 1.0,
        relative_step: bool = True, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def initial(self, parameter: np.ndarray) -> Mapping[str, np.ndarray]:
        shape = parameter.shape
        # Vectors have a number in their place, as in Keras, so that files can be exchanged.
        rows, columns = (shape[:-1], (*shape[:-2], shape[-1])) if len(shape) > 1 else ((), ())
        sizes = {"rows": rows, "columns": columns, "velocity": shape}
        return {name: np.zeros(size, parameter.dtype) for name, size in sizes.items()}

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        new = self._magnitudes(square(gradient) + self.epsilon_1, state, step)
        u = gradient * rsqrt(new["velocity"])
        size = maximum(_rms(parameter), self.epsilon_2) * minimum(step.rate, rsqrt(step.number))
        return parameter - size * u / maximum(_rms(u) / self.clip_threshold, 1.0), new

    def _magnitudes(self, q: Tensor, state: State, step: Step) -> dict[str, Tensor]:
        b = 1 - step.number**self.beta_2_decay
        if q.ndim < 2:
            return {"velocity": b * state["velocity"] + (1 - b) * q}
        r = b * state["rows"] + (1 - b) * mean(q, -1)
        c = b * state["columns"] + (1 - b) * mean(q, -2)
        v = expand_dims(r / mean(r, -1, keepdims=True), -1) * expand_dims(c, -2)
        return {"rows": r, "columns": c, "velocity": v}


def _rms(x: Tensor) -> Tensor:
    return sqrt(mean(square(x)))
