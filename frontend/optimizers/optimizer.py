"""The base of all optimizers: update rules that are graph, so a training step is one function.

A rule answers the new value of a parameter and of its state from the gradient:

    update(gradient, parameter, state, rate) -> (new parameter, new state)

Learning rate and step count are variables: a change needs no new compilation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from graphc import dtypes
from graphc.errors import ArgumentError, ModeError
from graphc.frontend.naming import snake_case, unique_name
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise
from graphc.ops.variable import Variable, variable

State = Mapping[str, Tensor]
GradsAndVars = Iterable[tuple[Tensor, Variable]]


@dataclass(frozen=True, slots=True)
class Step:
    """Scalars of one update, float32: the learning rate, and the number of this step from 1."""

    rate: Tensor
    number: Tensor


class Optimizer:
    """Update rules for many parameters with one learning rate.

    The learning rate at step t (from 0) is learning_rate / (1 + decay * t). `lr` is another name
    for `learning_rate`, here and as an attribute.
    """

    # What the state of each parameter is called; every entry begins as zeros of its shape.
    slots: tuple[str, ...] = ()

    def __init__(
        self, learning_rate: float, *, lr: float | None = None, decay: float = 0.0,
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.name = unique_name(name or snake_case(type(self).__name__))
        self.decay = decay
        start = _number(learning_rate if lr is None else lr)
        self._rate = variable(
            start, dtypes.float32, name=f"{self.name}/learning_rate", trainable=False
        )
        self.iterations = variable(0, dtypes.int32, name=f"{self.name}/iterations", trainable=False)
        self._states: dict[Variable, dict[str, Variable]] = {}

    # ------------------------------------------------------------------------ for subclasses

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        """The new parameter and the new state; see the top of this file."""
        raise ArgumentError(
            f"{type(self).__name__} has no rule",
            fix="define update(self, gradient, parameter, state, step)",
        )

    # ------------------------------------------------------------------------ use

    def updates(self, grads_and_vars: GradsAndVars) -> dict[Variable, Tensor]:
        """What all variables become after one step: parameters, their states, the step count.

        Give it to `function(..., updates=...)`.
        """
        number = elementwise.add(self.iterations, 1)
        step = Step(self.rate(), convert.cast(number, dtypes.float32))
        result: dict[Variable, Tensor] = {}
        for gradient, parameter in grads_and_vars:
            kept = self.state_of(parameter)
            new, state = self.update(gradient, parameter, kept, step)
            result[parameter] = new
            result.update((kept[slot], value) for slot, value in state.items())
        result[self.iterations] = number
        return result

    def apply_gradients(self, grads_and_vars: GradsAndVars) -> None:
        """Change the variables now, by gradients that have values.

        Raises:
            ModeError: symbolic gradients; use `updates` in a function.
        """
        new = self.updates(grads_and_vars)
        values = {v: t.concrete() for v, t in new.items()}
        if missing := [v.name for v, value in values.items() if value is None]:
            raise ModeError(
                "apply_gradients takes gradients that have values",
                received=f"symbolic gradients of {', '.join(missing)}",
                fix="compute them inside gx.eager(), or give optimizer.updates(...) to gx.function",
            )
        for v, value in values.items():
            v.assign(np.asarray(value))

    def state_of(self, parameter: Variable) -> dict[str, Variable]:
        """The state of a parameter, zeros at first."""
        if parameter not in self._states:
            zeros = np.zeros(parameter.storage.shape, parameter.storage.dtype)
            self._states[parameter] = {
                slot: variable(zeros, name=f"{self.name}/{parameter.name}/{slot}", trainable=False)
                for slot in self.slots
            }
        return self._states[parameter]

    def rate(self) -> Tensor:
        """The learning rate of the present step, as graph."""
        if not self.decay:
            return self._rate
        passed = elementwise.mul(convert.cast(self.iterations, dtypes.float32), self.decay)
        return elementwise.div(self._rate, elementwise.add(passed, 1.0))

    @property
    def variables(self) -> list[Variable]:
        """Step count, learning rate, and the states of all parameters met so far."""
        states = [v for state in self._states.values() for v in state.values()]
        return [self.iterations, self._rate, *states]

    @property
    def learning_rate(self) -> Variable:
        """The learning rate before decay; assign a number to change it."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rate.assign(_number(value))

    lr = learning_rate

    def get_config(self) -> dict[str, object]:
        """The arguments that make this optimizer again, without its state."""
        return {"name": self.name, "learning_rate": float(self._rate.numpy()), "decay": self.decay}


def _number(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ArgumentError("a learning rate is a number", received=repr(value))
    return float(value)
