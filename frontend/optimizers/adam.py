"""Adam: steps of about the learning rate, by the gradient's running mean and magnitude."""

from __future__ import annotations

from typing import final

from graphc.ir.node import Tensor
from graphc.ops import elementwise
from graphc.ops.elementwise import add, div, maximum, mul, sqrt, square, sub

from .optimizer import Optimizer, State, Step


@final
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, the form at the end of section 2), at step t = 1, 2, ...

        m = m + (1 - beta_1) * (g - m)
        v = v + (1 - beta_2) * (g**2 - v)
        w = w - rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)

    With amsgrad the largest v so far takes the place of v in the last line (Reddi et al. 2018).
    The state is m, v and that largest v.
    """

    def __init__(
        self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False, decay: float = 0.0, *,
        lr: float | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate, lr=lr, decay=decay, name=name)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad = amsgrad
        self.slots = ("momentum", "velocity", *(["velocity_hat"] if amsgrad else []))

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        m, v = state["momentum"], state["velocity"]
        m = add(m, mul(sub(gradient, m), 1.0 - self.beta_1))
        v = add(v, mul(sub(square(gradient), v), 1.0 - self.beta_2))
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = maximum(state["velocity_hat"], v)
        scaled = div(mul(m, self._corrected(step)), add(sqrt(v), self.epsilon))
        return sub(parameter, scaled), new

    def _corrected(self, step: Step) -> Tensor:
        """The rate that makes up for means that began at 0."""
        first = sub(1.0, elementwise.pow(self.beta_1, step.number))
        second = sub(1.0, elementwise.pow(self.beta_2, step.number))
        return div(mul(step.rate, sqrt(second)), first)

    def get_config(self) -> dict[str, object]:
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own, "amsgrad": self.amsgrad}
