"""The base of all layers: weights, building on first use, calls in training and inference.

A layer's weights and sublayers are what its attributes hold, directly or in lists, tuples and
dicts. Nothing is registered: whatever `build` or `__init__` stored under `self` is found.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Self, Unpack, cast

import numpy as np

from graphc.dtypes import DTypeLike, as_dtype, float32
from graphc.errors import ArgumentError, ModeError
from graphc.frontend import constraints, effects, initializers, regularizers
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.lookup import as_config
from graphc.frontend.naming import snake_case, unique_name
from graphc.frontend.seeds import SeedGenerator
from graphc.frontend.structure import map_arrays
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, tree_map
from graphc.ops import convert
from graphc.ops.leaf import placeholder
from graphc.ops.variable import Variable, variable

from .spec import BuildShape, InputSpec, LayerOptions, build_shape, check_input, check_options


@dataclass(slots=True)
class WeightRules:
    """Penalties and constraints of a layer's own weights."""

    regularizers: dict[Variable, regularizers.Regularizer] = field(default_factory=dict)
    constraints: dict[Variable, constraints.Constraint] = field(default_factory=dict)


class Layer:
    """A function of tensors with weights.

    A subclass creates weights in `build(input_shape)` with `add_weight`, and says in
    `call(inputs, training=...)` what it computes; `training` may be left out of `call`.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")
    ...
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> layer = Scale()
    >>> layer(placeholder((None, 3))).shape[1], [w.name for w in layer.weights]
    (3, ['scale/factor'])
    """

    # What the layer computes: a method of the subclass, with the arguments that it needs.
    call: Callable[..., Tensor]
    # Defaults of the class show that a subclass forgot super().__init__().
    _name: str | None = None
    built = False
    # Whether float inputs are converted to the layer's dtype.
    autocast = True
    input_spec: InputSpec | None = None

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        check_options(type(self).__name__, options)
        self._name = options.get("name") or unique_name(snake_case(type(self).__name__))
        self.trainable = options.get("trainable", True)
        self.dtype = as_dtype(options.get("dtype") or float32)
        shape = options.get("input_shape")
        self.declared_shape: BuildShape | None = (None, *shape) if shape is not None else None
        self.activity_regularizer = regularizers.get(options.get("activity_regularizer"))
        self.weight_rules = WeightRules()
        # The shape of the last output; known from the first call on.
        self.output_shape: BuildShape | None = None

    # ------------------------------------------------------------------------ for subclasses

    def build(self, input_shape: BuildShape) -> None:
        """Create the weights for inputs of this shape."""

    def add_weight(
        self, shape: Sequence[int] = (), initializer: initializers.Given = "glorot_uniform",
        dtype: DTypeLike | None = None, trainable: bool = True,
        regularizer: regularizers.Given = None, constraint: constraints.Given = None,
        name: str = "weight",
    ) -> Variable:  # fmt: skip
        """A new weight with its initial value; store it in an attribute of the layer."""
        value = initializers.get(initializer)(tuple(shape), dtype or self.dtype)
        weight = variable(value, name=f"{self.name}/{name}", trainable=trainable)
        if (penalty := regularizers.get(regularizer)) is not None:
            self.weight_rules.regularizers[weight] = penalty
        if (rule := constraints.get(constraint)) is not None:
            self.weight_rules.constraints[weight] = rule
        return weight

    # ------------------------------------------------------------------------ calling

    @eager_on_arrays
    def __call__(
        self, inputs: object, *more: object, training: bool | None = None,
        **options: object,
    ) -> Tensor:  # fmt: skip
        """The output for inputs: a tensor or data, or nested tensors as `call` takes them.

        Arrays and lists are computed at once. `training` is inherited by the layers inside.
        """
        if self._name is None:
            raise ModeError(
                f"{type(self).__name__}.__init__ did not initialise the layer",
                fix="call super().__init__() first in __init__",
            )
        tensors = cast(Tree[Tensor], map_arrays(self._as_input, inputs))
        self.build_once(tensors)
        if isinstance(tensors, Tensor):
            check_input(self.name, self.input_spec, tensors)
        phase = _training.get() if training is None else training
        if _takes_training(type(self)):
            options["training"] = phase
        token = _training.set(phase)
        try:
            result = self.call(tensors, *more, **options)
        finally:
            _training.reset(token)
        if isinstance(result, Tensor):
            self.output_shape = build_shape(result.shape)
        if self.activity_regularizer is not None:
            effects.add_loss(self.activity_regularizer(result))
        return result

    def build_once(self, tensors: Tree[Tensor]) -> None:
        """Build for the shapes of these inputs, unless the layer is built."""
        if not self.built:
            # Layers of several inputs get one shape per input, in the form of the inputs.
            shape = tree_map(lambda t: build_shape(t.shape), tensors)
            self.build(cast(BuildShape, shape))
            self.built = True

    def compute_output_shape(self, input_shape: BuildShape) -> BuildShape:
        """The shape of the output for inputs of this shape."""
        return build_shape(self(placeholder(input_shape, self.dtype)).shape)

    def _as_input(self, value: object) -> Tensor:
        tensor = convert.as_tensor(value)  # pyright: ignore[reportArgumentType]
        wanted = self.autocast and tensor.dtype.is_float
        return convert.cast(tensor, self.dtype) if wanted else tensor

    # ------------------------------------------------------------------------ what it holds

    @property
    def name(self) -> str:
        """The layer's name, such as dense_1."""
        return self._name or type(self).__name__

    @property
    def sublayers(self) -> list[Layer]:
        """The layers that attributes hold."""
        return [m for m in _members(vars(self)) if isinstance(m, Layer)]

    @property
    def weights(self) -> list[Variable]:
        """All weights, in the order in which attributes hold them."""
        return _unique(_weights(self, set()))

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes; none while `trainable` is False."""
        frozen = _frozen(self)
        return [w for w in self.weights if w not in frozen]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change by gradients."""
        frozen = _frozen(self)
        return [w for w in self.weights if w in frozen]

    @property
    def variables(self) -> list[Variable]:
        """All weights, and the counters of random layers."""
        counters = [s.state for part in _walk(self) for s in _seeds(part)]
        return _unique([*self.weights, *counters])

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of regularized weights, one each."""
        return [r(w) for p in _walk(self) for w, r in p.weight_rules.regularizers.items()]

    @property
    def weight_constraints(self) -> dict[Variable, constraints.Constraint]:
        """The constraints of all weights that have one."""
        return {w: c for p in _walk(self) for w, c in p.weight_rules.constraints.items()}

    def get_weights(self) -> list[np.ndarray]:
        """The values of all weights."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, values: Sequence[object]) -> None:
        """Give all weights values, in the order of `weights`."""
        weights = self.weights
        if len(values) != len(weights):
            raise ArgumentError(
                f"{self.name} has {len(weights)} weights",
                received=f"{len(values)} values",
                expected=", ".join(f"{w.name} {w.shape}" for w in weights) or "none",
                fix="build the layer first, by calling it" if not self.built else None,
            )
        for weight, value in zip(weights, values):
            weight.assign(np.asarray(value))

    def count_params(self) -> int:
        """The number of elements in all weights."""
        return sum(int(w.storage.size) for w in self.weights)

    # ------------------------------------------------------------------------ description

    def get_config(self) -> dict[str, object]:
        """The arguments that make this layer again, without its weights."""
        config: dict[str, object] = {"name": self.name, "trainable": self.trainable}
        config["dtype"] = self.dtype.name
        if self.declared_shape is not None:
            config["input_shape"] = self.declared_shape[1:]
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = as_config(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A layer from what `get_config` gave."""
        return cls(**config)  # pyright: ignore[reportArgumentType]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


# ---------------------------------------------------------------------------- calls

_training: ContextVar[bool] = ContextVar("training phase", default=False)


@cache
def _takes_training(kind: type[Layer]) -> bool:
    method = next((vars(k)["call"] for k in kind.__mro__ if "call" in vars(k)), None)
    if method is None:
        raise ModeError(
            f"{kind.__name__} does not say what it computes",
            fix="define call(self, inputs) or call(self, inputs, training)",
        )
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


# ---------------------------------------------------------------------------- walking

Member = Variable | Layer | SeedGenerator


def _members(value: object) -> Iterator[Member]:
    """What an attribute holds that matters here, in order."""
    if isinstance(value, Member):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _members(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _members(entry)


def _walk(layer: Layer) -> list[Layer]:
    """The layer and all layers in it, each once."""
    found: dict[Layer, None] = {}
    stack = [layer]
    while stack:
        part = stack.pop()
        if part not in found:
            found[part] = None
            stack.extend(reversed(part.sublayers))
    return list(found)


def _weights(layer: Layer, seen: set[Layer]) -> Iterator[Variable]:
    if layer in seen:
        return
    seen.add(layer)
    for member in _members(vars(layer)):
        if isinstance(member, Variable):
            yield member
        elif isinstance(member, Layer):
            yield from _weights(member, seen)


def _frozen(layer: Layer) -> set[Variable]:
    """The weights that are not trainable themselves, or lie in a layer that is not."""
    whole = {w for part in _walk(layer) if not part.trainable for w in part.weights}
    return whole | {w for w in layer.weights if not w.trainable}


def _seeds(layer: Layer) -> list[SeedGenerator]:
    return [m for m in _members(vars(layer)) if isinstance(m, SeedGenerator)]


def _unique(items: Iterable[Variable]) -> list[Variable]:
    return list(dict.fromkeys(items))
