"""The base of all layers: building on first use, calls in training and inference, configuration.

What a layer holds is `members.py`, what it was made with `arguments.py`, how calls become a model
`calls.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from typing import Self, Unpack, cast

from graphc.dtypes import DType, DTypeLike
from graphc.errors import ModeError
from graphc.frontend import constraints, effects, initializers, regularizers
from graphc.frontend.dtype_policy import policy_of, weights_in
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.masks import mask_of, set_mask
from graphc.frontend.naming import snake_case, unique_name
from graphc.frontend.saving import room
from graphc.frontend.structure import map_arrays
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, tree_map
from graphc.ops import convert
from graphc.ops.leaf import placeholder
from graphc.ops.variable import Variable, variable

from .arguments import arguments_of, plain, taken_by
from .calls import Call, Connection, only, remembered
from .members import Holder, Rules, WeightRules, parts_of
from .spec import BuildShape, InputSpec, LayerOptions, build_shape, check_input, check_options


class Layer(Holder):
    """A function of tensors with weights.

    A subclass creates weights in `build(input_shape)` with `add_weight`, and says in
    `call(inputs, training=..., mask=...)` what it computes; the last two may be left out of `call`.
    `get_config` answers the arguments of `__init__`, so that `from_config` makes the layer again.

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
    # Whether float inputs are converted to the layer's dtype.
    autocast = True
    # Whether the mask of the input is that of the output.
    supports_masking = False
    # What `__init__` was called with.
    _given: Mapping[str, object]
    input_spec: InputSpec | None = None

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "build" in vars(cls):
            cls.build = _marking_built(cls.build)  # pyright: ignore

    def __new__(cls, *given: object, **named: object) -> Self:
        layer = super().__new__(cls)
        layer._given = arguments_of(cls, given, named)
        return layer

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        check_options(type(self).__name__, options)
        self._name = options.get("name") or unique_name(snake_case(type(self).__name__))
        self.trainable = options.get("trainable", True)
        self.dtype_policy = policy_of(options.get("dtype"))
        self.dtype = self.dtype_policy.variable_dtype
        shape = options.get("input_shape")
        self.declared_shape: BuildShape | None = (None, *shape) if shape is not None else None
        self.activity_regularizer = regularizers.get(options.get("activity_regularizer"))
        self.weight_rules = WeightRules()
        # The shape of the last output; known from the first call on.
        self.output_shape: BuildShape | None = None
        self.symbolic_calls: list[Connection] = []
        # Shapes and dtypes of the inputs of the first call, as plain values.
        self.input_form: object = None

    # ------------------------------------------------------------------------ for subclasses

    def build(self, input_shape: BuildShape) -> None:
        """Create the weights for inputs of this shape."""

    def declare(
        self, name: str, initializer: initializers.Given, regularizer: regularizers.Given = None,
        constraint: constraints.Given = None,
    ) -> None:  # fmt: skip
        """Say in `__init__` what `add_weight(shape, name=name)` will follow in `build`.

        The layer has it as attributes, such as `kernel_initializer`.
        """
        rules = Rules(
            initializers.get(initializer),
            regularizers.get(regularizer),
            constraints.get(constraint),
        )
        self.weight_rules.declared[name] = rules
        vars(self)[f"{name}_initializer"] = rules.initializer
        vars(self)[f"{name}_regularizer"] = rules.regularizer
        vars(self)[f"{name}_constraint"] = rules.constraint

    def add_weight(
        self, shape: Sequence[int] | None = None, initializer: initializers.Given | None = None,
        dtype: DTypeLike | None = None, trainable: bool = True,
        regularizer: regularizers.Given = None, constraint: constraints.Given = None,
        name: str = "weight", *, rules: str | None = None,
    ) -> Variable:  # fmt: skip
        """A new weight with its initial value; store it in an attribute of the layer.

        What is not given is as `declare` said for the name (or that of `rules`); otherwise the
        weight begins as glorot_uniform says and has no rules.
        """
        declared = self.weight_rules.declared.get(rules or name)
        start = initializer or (declared.initializer if declared else None) or "glorot_uniform"
        value = room.empty(tuple(shape or ()), dtype or self.dtype)
        if value is None:
            value = initializers.get(start)(tuple(shape or ()), dtype or self.dtype)
        weight = variable(value, name=f"{self.name}/{name}", trainable=trainable)
        penalty = regularizers.get(regularizer) or (declared.regularizer if declared else None)
        if penalty is not None:
            self.weight_rules.regularizers[weight] = penalty
        rule = constraints.get(constraint) or (declared.constraint if declared else None)
        weight.constraint = rule
        return weight

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        """The mask of the output, from the mask of the inputs."""
        return mask if self.supports_masking and isinstance(mask, Tensor) else None

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
        around = _phase.get()
        phase = Phase(around.training if training is None else training, around.depth + 1)
        token = _phase.set(phase)
        try:
            said = self._defaults(tensors, options, phase.training, len(more))
            with weights_in(self.dtype_policy):
                result = self.call(tensors, *more, **said)
        finally:
            _phase.reset(token)
        self._finish(tensors, result)
        if around.depth:
            return result
        said = {} if training is None else {"training": training}
        return cast(Tensor, remembered(Call(self, (tensors, *more), {**options, **said}), result))

    def _finish(self, inputs: Tree[Tensor], result: Tree[Tensor]) -> None:
        """What a result means for the layer: its shape, its mask, what its activity costs."""
        first = result[0] if isinstance(result, tuple | list) and result else result
        if not isinstance(first, Tensor):
            return
        if first is result:
            self.output_shape = build_shape(first.shape)
        if (mask := self.compute_mask(inputs, _masks(inputs))) is not None:
            set_mask(first, mask)
        if self.activity_regularizer is not None:
            effects.add_loss(self.activity_regularizer(first))

    def _defaults(
        self, tensors: Tree[Tensor], options: Mapping[str, object], training: bool, more: int
    ) -> dict[str, object]:
        """The options of a call with those that follow from where it is made.

        `more` arguments after the inputs were given by their places.
        """
        wanted = _parameters(type(self))[more:]
        found = dict(options)
        if "training" in wanted:
            found["training"] = training
        if "mask" in wanted and found.get("mask") is None:
            found["mask"] = _masks(tensors)
        return found

    def build_once(self, tensors: Tree[Tensor]) -> None:
        """Build for the shapes of these inputs, unless the layer is built."""
        if self.input_form is None:
            self.input_form = tree_map(_form, tensors)
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
        return convert.cast(tensor, self.compute_dtype) if wanted else tensor

    @property
    def compute_dtype(self) -> DType:
        """What the layer computes in; `dtype` is that of its weights."""
        policy = self.dtype_policy
        return policy.compute_dtype if policy.is_mixed else self.dtype

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of regularized weights, one each."""
        return [r(w) for p in parts_of(self) for w, r in p.weight_rules.regularizers.items()]

    @property
    def weight_constraints(self) -> dict[Variable, Callable[[Tensor], Tensor]]:
        """The constraints of all weights that have one."""
        return {w: w.constraint for w in self.weights if w.constraint is not None}

    # ------------------------------------------------------------------------ description

    def get_config(self) -> dict[str, object]:
        """The arguments that make this layer again, without its weights.

        An argument that is kept in an attribute of its name is as it is now.
        """
        names = {"name": None, "trainable": None, "dtype": None, **self._given}
        kept = {n: value for n, value in vars(self).items() if not isinstance(value, Tensor)}
        own = {"name": self.name, "trainable": self.trainable, **kept}
        if self.dtype_policy.is_mixed:
            own["dtype"] = self.dtype_policy.name
        return {n: plain(own.get(n, value), self.name) for n, value in names.items()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A layer from what `get_config` gave; name, trainable and dtype are set afterwards where
        `__init__` does not take them."""
        given, rest = taken_by(cls, config)
        layer = cls(**given)  # pyright: ignore[reportArgumentType]
        layer._name = cast("str | None", rest.get("name")) or layer._name
        layer.trainable = bool(rest.get("trainable", layer.trainable))
        return layer

    @property
    def input(self) -> Tree[Tensor]:
        """What the layer was called with, if that was once: where a smaller model may begin."""
        return only(self).call.arguments[0]  # pyright: ignore[reportReturnType]

    @property
    def output(self) -> Tree[Tensor]:
        """What the layer answered: where a smaller model may end."""
        return only(self).result

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


# ---------------------------------------------------------------------------- calls

Build = Callable[[Layer, BuildShape], None]


@dataclass(frozen=True, slots=True)
class Phase:
    """Where a call is made: in training or not, and inside of how many other calls."""

    training: bool = False
    depth: int = 0


_OUTSIDE = Phase()
_phase: ContextVar[Phase] = ContextVar("phase of calls", default=_OUTSIDE)


def is_outermost() -> bool:
    """Whether a call made here is the user's own, not one that a layer makes."""
    return _phase.get().depth == 0


@contextmanager
def inside_of_calls() -> Iterator[None]:
    """Calls inside are as if a layer made them: nothing remembers them."""
    token = _phase.set(Phase(depth=1))
    try:
        yield
    finally:
        _phase.reset(token)


@contextmanager
def outside_of_calls() -> Iterator[None]:
    """Calls inside are as if the user made them: remembered, not in training, with no effects."""
    token = _phase.set(_OUTSIDE)
    try:
        with evaluating_with(None), effects.collecting_effects():
            yield
    finally:
        _phase.reset(token)


def _marking_built(build: Build) -> Build:
    """A `build` after which the layer counts as built, whoever calls it."""

    @wraps(build)
    def marking(layer: Layer, input_shape: BuildShape) -> None:
        build(layer, input_shape)
        layer.built = True

    return marking


def _form(tensor: Tensor) -> dict[str, object]:
    """The shape of an input, that of one example for computed ones, and its dtype."""
    sizes = build_shape(tensor.shape)
    known = sizes if tensor.concrete() is None else (None, *sizes[1:])[: tensor.ndim]
    return {"shape": list(known), "dtype": tensor.dtype.name}


def _masks(tensors: Tree[Tensor]) -> Tree[Tensor]:
    return tree_map(mask_of, tensors)  # pyright: ignore[reportReturnType]


@cache
def _parameters(kind: type[Layer]) -> tuple[str, ...]:
    """What `call` takes after the inputs; a `call` that takes any option takes `training`."""
    method = next((vars(k)["call"] for k in kind.__mro__ if "call" in vars(k)), None)
    if method is None:
        raise ModeError(
            f"{kind.__name__} does not say what it computes",
            fix="define call(self, inputs) or call(self, inputs, training)",
        )
    parameters = inspect.signature(method).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return (*list(parameters)[2:], *(("training",) if takes_any else ()))
