"""Adagrad and Adadelta: rates of their own for each element, by the squares of its gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack, final

import numpy as np

from graphc.ir.node import Tensor
from graphc.ops.elementwise import rsqrt, sqrt, square

from .optimizer import Optimizer
from .options import Options
from .rate import GivenRate
from .step import State, Step


@final
class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011, figure 1), with the sum of squares from initial_accumulator_value

    a = a + g**2
    w = w - rate * g / sqrt(a + epsilon)
    """

    slots = ("accumulator",)

    def __init__(
        self, learning_rate: GivenRate = 0.001, initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def initial(self, parameter: np.ndarray) -> Mapping[str, np.ndarray]:
        return {"accumulator": np.full_like(parameter, self.initial_accumulator_value)}

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        a = state["accumulator"] + square(gradient)
        return parameter - step.rate * gradient * rsqrt(a + self.epsilon), {"accumulator": a}


@final
class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012, algorithm 1), with running means a of g**2 and b of d**2

        a = rho * a + (1 - rho) * g**2
        d = g * sqrt(b + epsilon) / sqrt(a + epsilon)
        b = rho * b + (1 - rho) * d**2
        w = w - rate * d

    The paper has the rate 1.
    """

    slots = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self, learning_rate: GivenRate = 0.001, rho: float = 0.95, epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon = rho, epsilon

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        a, b = state["accumulated_grad"], state["accumulated_delta_var"]
        a = self.rho * a + (1 - self.rho) * square(gradient)
        d = gradient * sqrt(b + self.epsilon) * rsqrt(a + self.epsilon)
        b = self.rho * b + (1 - self.rho) * square(d)
        return parameter - step.rate * d, {"accumulated_grad": a, "accumulated_delta_var": b}
