"""Ftrl: follow the regularised leader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack, final

import numpy as np

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops.elementwise import clip, square

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate
from .step import State, Step


@final
class Ftrl(Optimizer):
    """FTRL-proximal (McMahan et al. 2013, algorithm 1), with p = -learning_rate_power, n from
    initial_accumulator_value, and l1, l2, shrinkage the three strengths

        h = g + 2 * shrinkage * w
        k = n + g**2
        z = z + h - (k**p - n**p) / rate * w
        w = (clip(z, -l1, l1) - z) / ((beta + k**p) / rate + 2 * l2),      n = k

    The state is n and z.
    """

    slots = ("accumulator", "linear")

    def __init__(
        self, learning_rate: GivenRate = 0.001, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0, l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value, self.beta = initial_accumulator_value, beta
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        if learning_rate_power > 0:
            raise ArgumentError("learning_rate_power is not positive", received=learning_rate_power)
        for name, value in vars(self).items():
            if name.endswith(("_strength", "_accumulator_value")) and value < 0:
                raise ArgumentError(f"{name} is not negative", received=value)

    def initial(self, parameter: np.ndarray) -> Mapping[str, np.ndarray]:
        start = np.full_like(parameter, self.initial_accumulator_value)
        return {"accumulator": start, "linear": np.zeros_like(parameter)}

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        n, z, p = state["accumulator"], state["linear"], -self.learning_rate_power
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        h = gradient + 2 * self.l2_shrinkage_regularization_strength * parameter
        k = n + square(gradient)
        z = z + h - (k**p - n**p) / step.rate * parameter
        w = (clip(z, -l1, l1) - z) / ((self.beta + k**p) / step.rate + 2 * l2)
        return w, {"accumulator": k, "linear": z}
