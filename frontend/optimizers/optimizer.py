"""The base of all optimizers: update rules that are graph, so a training step is one function.

A new optimizer is its equations. It names the state of a parameter in `slots`, and answers the new
parameter and the new state from the gradient:

    update(gradient, parameter, state, step) -> (new parameter, new state)

Everything else is here: the learning rate, weight decay, clipping, accumulation, running means,
and the variables that keep the state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Self, Unpack

import numpy as np

from graphc import dtypes
from graphc.errors import ArgumentError, ModeError, NotSupportedError
from graphc.frontend import effects
from graphc.frontend.eager import eager
from graphc.frontend.lookup import own_arguments
from graphc.frontend.naming import snake_case, unique_name
from graphc.frontend.usual import by_position
from graphc.ir.mode import is_eager
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.convert import TensorLike
from graphc.ops.elementwise import equal, floor_divide, remainder, stop_gradient, where
from graphc.ops.variable import Variable, variable
from graphc.provenance import in_role

from . import clip, schedules
from .options import USUAL, Options, check
from .rate import GivenRate, Scheduled, Settable, rate_of
from .step import GradsAndVars, State, Step, gradient_of, present, working

Updates = dict[Variable, Tensor]


class Optimizer:
    """Update rules for many parameters; see the top of this file, and `Options` for the keywords.

    `learning_rate` is a number, a schedule, or a function of the step or of nothing; `lr` is
    another name for it, here and as an attribute. Parameters of 16 bits are updated in float32.

    >>> class Signs(Optimizer):
    ...     slots = ("mean",)
    ...
    ...     def update(self, gradient, parameter, state, step):
    ...         mean = 0.9 * state["mean"] + 0.1 * gradient
    ...         return parameter - step.rate * mean, {"mean": mean}
    >>> w = variable([1.0, 2.0], name="doctest_w")
    >>> _ = Signs(learning_rate=1.0).apply_gradients([([1.0, -1.0], w)])
    >>> [round(x, 6) for x in w.numpy().tolist()]
    [0.9, 2.1]
    """

    # What the state of each parameter is called; `initial` says how it begins.
    slots: tuple[str, ...] = ()
    # The same for state that only some arguments need; `variables` lists it after `slots`.
    more_slots: tuple[str, ...] = ()
    # Numbers that belong to no parameter, with their first values; `advance` changes them.
    shared: ClassVar[Mapping[str, float]] = {}

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            cls.__init__ = by_position(cls.__init__, USUAL)

    def __init__(self, learning_rate: GivenRate = 0.001, **options: Unpack[Options]) -> None:
        check(type(self).__name__, options)
        self.name = options.get("name") or unique_name(snake_case(type(self).__name__))
        self.weight_decay = options.get("weight_decay")
        self.clipnorm, self.clipvalue = options.get("clipnorm"), options.get("clipvalue")
        self.global_clipnorm = options.get("global_clipnorm")
        self.use_ema = options.get("use_ema", False)
        self.ema_momentum = options.get("ema_momentum", 0.99)
        self.ema_overwrite_frequency = options.get("ema_overwrite_frequency")
        self.loss_scale_factor = options.get("loss_scale_factor")
        self.gradient_accumulation_steps = options.get("gradient_accumulation_steps")
        self.decay = options.get("decay") or 0.0
        lr = options.get("lr")
        self.calls = self._variable("iterations", np.int32(0))
        self.source = rate_of(learning_rate if lr is None else lr, self.name)
        self.parameters: list[Variable] = []
        self.averages: list[Variable] = []
        self.accumulators: list[Variable] = []
        self.states: dict[Variable, dict[str, Variable]] = {}
        self.shared_state: dict[str, Variable] = {}
        self._kept: tuple[set[Variable], tuple[str, ...]] = (set(), ())

    # ------------------------------------------------------------------------ for subclasses

    def update(
        self, gradient: Tensor, parameter: Tensor, state: State, step: Step
    ) -> tuple[Tensor, State]:
        """The new parameter and the new state; see the top of this file."""
        raise NotSupportedError(
            f"{type(self).__name__} has no rule",
            fix="define update(self, gradient, parameter, state, step)",
        )

    def initial(self, parameter: np.ndarray) -> Mapping[str, np.ndarray]:
        """The first state of a parameter: zeros of its shape for every slot."""
        return {slot: np.zeros_like(parameter) for slot in (*self.slots, *self.more_slots)}

    def advance(self, shared: State, number: Tensor) -> State:
        """The new values of `shared` in step `number`, counted from 1."""
        return {}

    # ------------------------------------------------------------------------ use

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the state of parameters that have none yet."""
        if not self.shared_state:
            self.shared_state = {
                name: self._variable(name, np.float32(value)) for name, value in self.shared.items()
            }
        for v in variables:
            if v in self.states:
                continue
            begin = v.numpy().astype(working(v.dtype).numpy)
            if self.use_ema:
                self.averages.append(self._variable(f"{v.name}/average", np.zeros_like(begin)))
            if self.gradient_accumulation_steps:
                zeros = np.zeros_like(begin)
                self.accumulators.append(self._variable(f"{v.name}/gradient_accumulator", zeros))
            state = self.initial(begin)
            self.states[v] = {n: self._variable(f"{v.name}/{n}", a) for n, a in state.items()}
            self.parameters.append(v)

    def updates(self, grads_and_vars: GradsAndVars) -> Updates:
        """What all variables become after one step: parameters, their states, the step count.

        Give it to `function(..., updates=...)`. Parameters with the gradient None stay.
        """
        if not (pairs := present(grads_and_vars)):
            return {}
        self.build([v for _, v in pairs])
        summed, due, result = self._accumulated(pairs)
        number = convert.cast(self.iterations + 1, dtypes.float32)
        shared = self.advance(self.shared_state, number)
        step = Step(self.rate(), number, shared)
        moved: Updates = {self.shared_state[name]: value for name, value in shared.items()}
        for gradient, (_, parameter) in zip(self.clip(summed), pairs):
            moved |= self._updated(gradient, parameter, step.cast(gradient.dtype))
        result |= {v: new if due is None else where(due, new, v) for v, new in moved.items()}
        result |= self._averaged(result)
        for _, v in pairs:
            if v.constraint is not None:
                result[v] = v.constraint(result[v])
        return result | {self.calls: self.calls + 1}

    def apply_gradients(self, grads_and_vars: GradsAndVars) -> Variable:
        """Change the variables by their gradients; the number of calls so far.

        In a training step they change with it: whoever builds it collects what they become. Else
        they change now, and the gradients must have values.

        Raises:
            ModeError: symbolic gradients where nobody collects; use `updates` in a function.
        """
        pairs = [(g, v) for g, v in grads_and_vars]
        if effects.collected() is not None:
            return self._announced(pairs)
        symbolic = [v.name for g, v in pairs if isinstance(g, Tensor) and g.concrete() is None]
        if symbolic:
            raise ModeError(
                "apply_gradients takes gradients that have values",
                received=f"symbolic gradients of {', '.join(symbolic)}",
                fix="compute them inside gx.eager(), or give optimizer.updates(...) to gx.function",
            )
        if is_eager():
            return self._apply_now(pairs)
        with eager():
            return self._apply_now(pairs)

    def apply(
        self, grads: Sequence[TensorLike | None],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:  # fmt: skip
        """`apply_gradients` of two lists; without variables, those that `build` was given."""
        known = self.parameters if trainable_variables is None else list(trainable_variables)
        if len(known) != len(grads):
            raise ArgumentError(
                "there is one gradient for each variable",
                received=f"{len(grads)} gradients, {len(known)} variables",
                fix=None if self.built else "call optimizer.build(variables) first",
            )
        self.apply_gradients(zip(grads, known))

    def rate(self) -> Tensor:
        """The learning rate of the present step, as graph."""
        rate = self.source.at(self.calls)
        if not self.decay:
            return rate
        return rate / (1 + self.decay * convert.cast(self.calls, dtypes.float32))

    def prepare(self, steps: int = 1) -> None:
        """Make ready for the next steps; needed before each run only where the learning rate is a
        function that has to be asked in Python (see rate.py), and cheap otherwise."""
        self.source.prepare(int(self.calls.storage), steps)

    @property
    def steps_at_once(self) -> int:
        """The most steps that `prepare` takes."""
        return self.source.steps_at_once

    def scale_loss(self, loss: TensorLike) -> Tensor:
        """The loss to differentiate: multiplied by the loss_scale_factor, if there is one."""
        scale = self.loss_scale_factor
        return convert.as_tensor(loss) if scale is None else convert.as_tensor(loss) * scale

    def clip(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The gradients within the limits that were asked for."""
        if self.clipnorm:
            return [clip.by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm:
            return clip.by_global_norm(gradients, self.global_clipnorm)
        if self.clipvalue:
            return [clip.by_value(g, self.clipvalue) for g in gradients]
        return list(gradients)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave parameters out of weight decay: these, and those whose names have one of the words.

        Raises:
            ArgumentError: the optimizer is in use already.
        """
        if self.built:
            raise ArgumentError(
                "parameters are left out of weight decay before the first step",
                fix="call exclude_from_weight_decay right after making the optimizer",
            )
        self._kept = set(var_list or ()), tuple(var_names or ())

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Give the parameters their running means, if there are any; `fit` does it at its end."""
        means = dict(zip(self.parameters, self.averages))
        for v in var_list:
            if v in means:
                v.assign(means[v].storage)

    # ------------------------------------------------------------------------ what it holds

    @property
    def built(self) -> bool:
        """Whether there is state of parameters."""
        return bool(self.states)

    @property
    def iterations(self) -> Tensor:
        """The number of updates so far; with accumulation, the calls divided by its steps."""
        every = self.gradient_accumulation_steps
        return floor_divide(self.calls, every) if every else self.calls

    @property
    def variables(self) -> list[Variable]:
        """Everything that has to be saved: count, rate, means, sums, states of all parameters."""
        states = [s[n] for s in self.states.values() for n in s if n not in self.more_slots]
        more = [s[n] for n in self.more_slots for s in self.states.values()]
        first = [self.calls, *self.source.variables, *self.averages, *self.accumulators]
        return [*first, *states, *more, *self.shared_state.values()]

    def set_weights(self, weights: Sequence[TensorLike]) -> None:
        """Give all variables values, in the order of `variables`."""
        if not self.built:
            raise ArgumentError(
                "You are calling `set_weights()` on an optimizer that is not built",
                fix="call optimizer.build(variables) first",
            )
        for v, value in zip(self.variables, weights, strict=True):
            v.assign(value)

    @property
    def learning_rate(self) -> Tensor:
        """The variable of the learning rate before decay, or the present rate of a schedule."""
        if isinstance(self.source, Settable):
            return self.source.value
        with eager("reference"):
            return self.source.at(self.calls)

    @learning_rate.setter
    def learning_rate(self, value: GivenRate) -> None:
        if callable(value):
            self.source = rate_of(value, self.name)
        elif isinstance(self.source, Settable):
            self.source.set(value)
        else:
            raise ModeError(
                "the learning rate of this optimizer is a schedule, so it cannot be set",
                received=repr(value),
                fix="make the optimizer with a number as learning_rate",
            )

    lr = learning_rate

    # ------------------------------------------------------------------------ description

    def get_config(self) -> dict[str, object]:
        """The arguments that make this optimizer again, without its state."""
        rate = self.source
        if isinstance(rate, Settable):
            given: object = float(rate.value.numpy())
        elif isinstance(rate, Scheduled) and isinstance(rate.given, schedules.LearningRateSchedule):
            given = schedules.serialize(rate.given)
        else:
            given = float(self.learning_rate.numpy())
        common = {n: vars(self)[n] for n in Options.__annotations__ if n in vars(self)}
        own = {n: v for n, v in own_arguments(self).items() if n != "learning_rate"}
        return {"name": self.name, "learning_rate": given, **own, **common}

    @classmethod
    def from_config(
        cls, config: Mapping[str, object], custom_objects: Mapping[str, type] | None = None
    ) -> Self:
        """An optimizer from what `get_config` gave; `custom_objects` has schedules of your own."""
        options = dict(config)
        if isinstance(rate := options.get("learning_rate"), Mapping):
            options["learning_rate"] = schedules.deserialize(rate, custom_objects)
        return cls(**options)  # pyright: ignore[reportArgumentType]

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles are new optimizers with the same arguments."""
        rate = self.source
        given = {"learning_rate": rate.given} if isinstance(rate, Scheduled) else {}
        return type(self).from_config, (self.get_config() | given,)

    # ------------------------------------------------------------------------ parts of a step

    def _accumulated(
        self, pairs: Sequence[tuple[TensorLike, Variable]]
    ) -> tuple[list[Tensor], Tensor | None, Updates]:
        """The gradients to use, whether parameters change in this call, and the new sums."""
        gradients = [self._unscaled(g, v) for g, v in pairs]
        every = self.gradient_accumulation_steps
        if not every:
            return gradients, None, {}
        due = equal(remainder(self.calls + 1, every), 0)
        sums = dict(zip(self.parameters, self.accumulators))
        totals = [g + sums[v] for g, (_, v) in zip(gradients, pairs)]
        kept = {sums[v]: where(due, 0.0, t) for t, (_, v) in zip(totals, pairs)}
        return [t / every for t in totals], due, kept

    def _unscaled(self, given: TensorLike, parameter: Variable) -> Tensor:
        gradient = gradient_of(parameter, given)
        return gradient if self.loss_scale_factor is None else gradient / self.loss_scale_factor

    def _updated(self, gradient: Tensor, parameter: Variable, step: Step) -> Updates:
        """The rule applied to one parameter, after weight decay."""
        state, w = self.states[parameter], convert.cast(parameter, gradient.dtype)
        if self.weight_decay is not None and self._decays(parameter):
            w = w - w * (self.weight_decay * step.rate)
        new, changed = self.update(gradient, w, state, step)
        values = {parameter: new} | {state[slot]: value for slot, value in changed.items()}
        return {v: convert.cast(value, v.dtype) for v, value in values.items()}

    def _decays(self, parameter: Variable) -> bool:
        variables, words = self._kept
        return parameter not in variables and not any(re.search(w, parameter.name) for w in words)

    def _averaged(self, new: Updates) -> Updates:
        """The new running means, and the parameters that they replace."""
        result: Updates = {}
        momentum = where(equal(self.iterations, 0), 0.0, self.ema_momentum)
        for v, mean in zip(self.parameters, self.averages):
            m, w = convert.cast(momentum, mean.dtype), new.get(v, v)
            result[mean] = m * mean + (1 - m) * convert.cast(w, mean.dtype)
            if every := self.ema_overwrite_frequency:
                due = equal(remainder(self.iterations + 1, every), 0)
                result[v] = where(due, convert.cast(result[mean], v.dtype), w)
        return result

    def _announced(self, pairs: Sequence[tuple[TensorLike | None, Variable]]) -> Variable:
        effects.prepare(self.prepare)
        with in_role("update"):
            for v, value in self.updates(pairs).items():
                # What uses the variable from here on does not depend on how it was found.
                effects.update(v, stop_gradient(value))
        return self.calls

    def _apply_now(self, pairs: Sequence[tuple[TensorLike | None, Variable]]) -> Variable:
        values = [(v, t.numpy()) for v, t in self.updates(pairs).items()]
        for v, value in values:
            v.assign(value)
        return self.calls

    def _variable(self, name: str, value: np.ndarray | np.generic) -> Variable:
        return variable(value, name=f"{self.name}/{name}", trainable=False)
