"""Loss scaling that finds its factor by itself, for training in 16 bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self, Unpack, final

import numpy as np

from graphc.errors import ArgumentError
from graphc.frontend.lookup import config_of
from graphc.ir.node import Tensor
from graphc.ops import convert, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import equal, isfinite, logical_and, where
from graphc.ops.variable import Variable

from .optimizer import Optimizer, Updates
from .options import Options
from .rate import GivenRate
from .step import GradsAndVars
from .table import deserialize


@final
class LossScaleOptimizer(Optimizer):
    """Another optimizer behind a loss scale s (Micikevicius et al. 2018, section 3.2).

        loss' = s * loss,   g = g' / s
        all g finite:  the inner update;  s = 2 * s after dynamic_growth_steps such steps in a row
        otherwise:     no update;         s = s / 2

    >>> from graphc.ops.variable import variable
    >>> from graphc.frontend.optimizers import SGD
    >>> w, optimizer = variable([1.0], name="doctest_w"), LossScaleOptimizer(SGD(0.5))
    >>> _ = optimizer.apply_gradients([([float("inf")], w)])
    >>> float(w.numpy()[0]), float(optimizer.dynamic_scale.numpy())
    (1.0, 16384.0)
    """

    def __init__(
        self, inner_optimizer: Optimizer, initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000, dynamic: bool = True, **options: Unpack[Options],
    ) -> None:  # fmt: skip
        if not dynamic:
            raise ArgumentError(
                "the scale of LossScaleOptimizer is dynamic",
                fix="set `loss_scale_factor` on the inner optimizer",
            )
        _check_unused(options)
        super().__init__(0.0, name=options.get("name"))
        self.inner_optimizer, self.initial_scale = inner_optimizer, initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        # Gradients are scaled once.
        inner_optimizer.loss_scale_factor = None
        self.calls, self.source = inner_optimizer.calls, inner_optimizer.source
        self.parameters, self.states = inner_optimizer.parameters, inner_optimizer.states
        self.step_counter = self._variable("step_counter", np.int32(0))
        self.dynamic_scale = self._variable("dynamic_scale", np.float32(initial_scale))

    def build(self, variables: Iterable[Variable]) -> None:
        self.inner_optimizer.build(variables)

    def updates(self, grads_and_vars: GradsAndVars) -> Updates:
        pairs = list(grads_and_vars)
        given = [convert.as_tensor(g) for g, _ in pairs if g is not None]
        finite = all_finite(given)
        scaled = [(_divided(g, self.dynamic_scale), v) for g, v in pairs]
        inner = self.inner_optimizer.updates(scaled)
        grows = equal(self.step_counter, self.dynamic_growth_steps - 1)
        scale, count = self.dynamic_scale, self.step_counter
        return {
            **{v: where(finite, new, v) for v, new in inner.items()},
            scale: where(finite, where(grows, 2 * scale, scale), 0.5 * scale),
            count: where(logical_and(finite, ~grows), count + 1, 0),
        }

    def scale_loss(self, loss: TensorLike) -> Tensor:
        return convert.as_tensor(loss) * self.dynamic_scale

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    @property
    def iterations(self) -> Tensor:
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Tensor:
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: GivenRate) -> None:
        self.inner_optimizer.learning_rate = value
        self.source = self.inner_optimizer.source

    lr = learning_rate

    @property
    def variables(self) -> list[Variable]:
        return [self.step_counter, self.dynamic_scale, *self.inner_optimizer.variables]

    def get_config(self) -> dict[str, object]:
        return {
            "name": self.name,
            "inner_optimizer": config_of(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, object],
        custom_objects: Mapping[str, type] | None = None,
    ) -> Self:  # fmt: skip
        options = dict(config)
        inner = options.pop("inner_optimizer")
        assert isinstance(inner, Optimizer | Mapping), "get_config gives a config"
        found = inner if isinstance(inner, Optimizer) else deserialize(inner, custom_objects)
        return cls(found, **options)  # pyright: ignore[reportArgumentType]


def with_loss_scale(optimizer: Optimizer | None) -> Optimizer | None:
    """An optimizer behind a loss scale; one that has it already, and None, as they are."""
    if optimizer is None or isinstance(optimizer, LossScaleOptimizer):
        return optimizer
    return LossScaleOptimizer(optimizer)


def all_finite(gradients: Iterable[Tensor]) -> Tensor:
    """Whether no element is infinite or NaN, as a bool scalar."""
    result = convert.as_tensor(True)
    for gradient in gradients:
        result = logical_and(result, reduce.all(isfinite(gradient)))
    return result


def _divided(gradient: TensorLike | None, scale: Tensor) -> Tensor | None:
    return None if gradient is None else convert.as_tensor(gradient) / scale


def _check_unused(options: Options) -> None:
    """ArgumentError for what only the inner optimizer takes; defaults are let pass."""
    for name, value in options.items():
        if name not in Options.__annotations__:
            unknown = ", ".join(f"`{n}`" for n in options)
            raise ArgumentError(f"LossScaleOptimizer does not support arguments: {unknown}")
        if (
            name != "name"
            and value not in (None, False)
            and (name, value) != ("ema_momentum", 0.99)
        ):
            raise ArgumentError(
                f"LossScaleOptimizer does not take `{name}`; set it on the `inner_optimizer`"
            )
