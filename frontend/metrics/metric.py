"""The base of all metrics: states in variables, updated by each batch, and a result of them.

Built into a training step, updates and results are part of its graph; called with arrays they are
computed at once. A subclass says both in one way, with `assign` and the variables themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import ParamSpec, Self, TypeVar, cast

import numpy as np

from graphc.dtypes import DTypeLike, as_dtype
from graphc.errors import ArgumentError, ModeError
from graphc.frontend import config as settings
from graphc.frontend import effects, initializers
from graphc.frontend.eager import eager
from graphc.frontend.naming import snake_case
from graphc.ir.mode import assignments, collecting_assignments, is_eager
from graphc.ir.node import Tensor
from graphc.ops.variable import Variable, variable

P = ParamSpec("P")
R = TypeVar("R")


def _no_update(metric: Metric, *_: object, **__: object) -> object:
    raise ArgumentError(
        f"{type(metric).__name__} does not say what a batch changes", fix="define update_state"
    )


class Metric:
    """A number that describes many batches; a subclass has states, `update_state` and `result`.

    >>> from graphc.knobs import settings
    >>> class Largest(Metric):
    ...     def __init__(self, name=None, dtype=None):
    ...         super().__init__(dtype=dtype, name=name)
    ...         self.top = self.add_variable((), "zeros", name="top")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.top.assign(maximum(self.top, reduce.max(y_pred)))
    ...
    ...     def result(self):
    ...         return self.top
    >>> from graphc.ops import reduce
    >>> from graphc.ops.elementwise import maximum
    >>> with settings(backend="reference"):
    ...     largest = Largest()
    ...     _ = largest([1, 1], [0.5, 4.0])
    ...     print(largest([1, 1], [2.0, 3.0]).numpy())
    4.0
    """

    # Whether a subclass forgot super().__init__().
    _name: str | None = None

    def __init__(self, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        self._name = name or snake_case(type(self).__name__)
        self._dtype = as_dtype("int32" if dtype == "int" else dtype or settings.floatx()).name

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        for method in {"update_state", "result"} & set(vars(cls)):
            setattr(cls, method, built_or_computed(vars(cls)[method]))

    @property
    def name(self) -> str:
        """What the result is reported as."""
        return self._name or type(self).__name__

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def dtype(self) -> str:
        """The name of the dtype in which the metric is computed."""
        return self._dtype

    def add_variable(
        self, shape: Sequence[int] = (),
        initializer: initializers.Given | Tensor | np.ndarray = "zeros",
        dtype: DTypeLike | None = None, aggregation: str = "sum", name: str | None = None,
    ) -> Variable:  # fmt: skip
        """A state with its initial value; store it in an attribute of the metric."""
        if self._name is None:
            raise ModeError(
                f"{type(self).__name__}.__init__ did not initialise the metric",
                fix="call super().__init__() first in __init__",
            )
        value = initializer
        if not isinstance(initializer, Tensor | np.ndarray):
            value = initializers.get(initializer)(tuple(shape), dtype or settings.floatx())
        return variable(value, name=f"{self.name}/{name or 'state'}", trainable=False)  # pyright: ignore[reportArgumentType]

    def add_weight(
        self, shape: Sequence[int] = (), initializer: initializers.Given = "zeros",
        dtype: DTypeLike | None = None, name: str | None = None,
    ) -> Variable:  # fmt: skip
        """The same as `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The states, those of metrics inside after its own."""
        members = list(_members(vars(self)))
        own = [m for m in members if isinstance(m, Variable)]
        inside = [v for m in members if isinstance(m, Metric) for v in m.variables]
        return list(dict.fromkeys([*own, *inside]))

    # ------------------------------------------------------------------------ for subclasses

    # Takes a batch into account, with the arguments that it needs.
    update_state: Callable[..., object] = _no_update

    def result(self) -> Tensor:
        """The number for all batches so far."""
        raise ArgumentError(f"{type(self).__name__} has no formula", fix="define result")

    def reset_state(self) -> None:
        """Begin again at no batches: all states become 0."""
        for state in self.variables:
            state.assign(np.zeros_like(state.storage))

    # ------------------------------------------------------------------------ calling

    def __call__(self, *args: object, **kwargs: object) -> Tensor:
        """The result with this batch taken into account."""
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(
        self, metric_variables: Sequence[Tensor], *args: object, **kwargs: object
    ) -> list[Tensor]:
        """The states after a batch, for given states before it; those of the metric stay."""
        now = self._in_place_of_states(metric_variables)
        with collecting_assignments(now):
            self.update_state(*args, **kwargs)
        return [now[v] for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Tensor]) -> Tensor:
        """The result for given states."""
        with collecting_assignments(self._in_place_of_states(metric_variables)):
            return self.result()

    def stateless_reset_state(self) -> list[Tensor]:
        """The states at no batches."""
        with eager():
            return [v * 0 for v in self.variables]

    def _in_place_of_states(self, given: Sequence[Tensor]) -> dict[Tensor, Tensor]:
        if len(given) != len(self.variables):
            raise ArgumentError(
                f"{self.name} has {len(self.variables)} states", received=f"{len(given)} values"
            )
        return dict(zip(self.variables, given))

    # ------------------------------------------------------------------------ description

    def get_config(self) -> dict[str, object]:
        """The arguments that make this metric again."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A metric from what `get_config` gave, at no batches."""
        return cls(**config)  # pyright: ignore[reportArgumentType]

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.get_config(), [v.numpy() for v in self.variables])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _restored(kind: type[Metric], config: Mapping[str, object], values: list[np.ndarray]) -> Metric:
    """What pickling a metric remembers."""
    metric = kind.from_config(config)
    if len(metric.variables) != len(values):
        raise ModeError(f"the states of {metric.name} come with its first batch", received=values)
    for state, value in zip(metric.variables, values):
        state.assign(value)
    return metric


def built_or_computed(method: Callable[P, R]) -> Callable[P, R]:
    """A method that is built into a graph where effects are collected, else computed at once."""

    @wraps(method)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        announced, pending = effects.collected(), assignments()
        given = (*args, *kwargs.values(), *(pending or {}).values())
        unknown = next((a for a in given if is_symbolic(a)), None)
        if is_eager() or (pending is not None and (announced is not None or unknown is not None)):
            return _at_present(method(*args, **kwargs))
        if announced is not None:
            with collecting_assignments(cast(dict[Tensor, Tensor], announced)):
                return _at_present(method(*args, **kwargs))
        if unknown is not None:
            raise ModeError(
                "a metric of symbolic tensors changes its states, and nothing collects the change",
                received=repr(unknown),
                fix="build inside `with gx.collecting_effects() as effects`, and give "
                "updates=effects.updates to gx.function",
            )
        with eager():
            return _at_present(method(*args, **kwargs))

    return run


def _at_present(result: R) -> R:
    """A state as the tensor that it is now; anything else is itself."""
    if not isinstance(result, Variable):
        return result
    now = (assignments() or {}).get(result, result)
    return cast(R, now.for_eager() if is_eager() else now)


def is_symbolic(value: object) -> bool:
    """Whether it is a tensor whose value is not known now."""
    return isinstance(value, Tensor) and value.concrete() is None


def _members(value: object) -> Iterator[Variable | Metric]:
    """The variables and metrics in attributes, lists, tuples and dicts, in order."""
    if isinstance(value, Variable | Metric):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _members(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _members(entry)
