"""The base of all layers: building on first use, calls in training and inference, configuration.

What a layer holds is `members.py`, what it was made with `arguments.py`, how calls become a model
`calls.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Signature
from typing import ClassVar, Self, Unpack, cast

from graphc.dtypes import DType, DTypeLike, as_dtype
from graphc.errors import ArgumentError, ModeError
from graphc.frontend import constraints, effects, initializers, regularizers
from graphc.frontend.dtype_policy import policy_of, weights_in
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.naming import snake_case, unique_name
from graphc.frontend.saving import room
from graphc.frontend.structure import map_arrays
from graphc.frontend.usual import by_position
from graphc.ir.mode import is_eager
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, tree_map
from graphc.ops import convert, elementwise, leaf
from graphc.ops.variable import Variable, variable

from .arguments import arguments_of, plain, signature_of, taken_by
from .binding import (
    Named,
    are_known,
    as_float,
    converted,
    keep_masks,
    masks_for,
    masks_of,
    parameters_of,
    placeholders,
    shapes_for,
    shapes_of,
)
from .calls import Call, Connection, only, remembered, without_effects
from .members import Holder, Past, Rules, WeightRules, parts_of
from .phase import PHASE, Phase, inside_of_calls, outside_of_calls, unseen_calls
from .spec import BuildShape, InputSpec, LayerOptions, build_shape, check_input, check_options

__all__ = ["Layer", "inside_of_calls", "outside_of_calls", "unseen_calls"]

RULES = ("initializer", "regularizer", "constraint")


class Layer(Holder):
    """A function of tensors with weights.

    A subclass creates weights in `build(input_shape)` with `add_weight`, and says in
    `call(inputs, training=..., mask=...)` what it computes; the last two may be left out of `call`.
    `get_config` answers the arguments of `__init__`, so that `from_config` makes the layer again.

    >>> from graphc.ops.leaf import placeholder
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
    # Keywords of `__init__` besides those of all layers, with what they are when not given.
    # Those that `rules` makes are rules of weights that `build` adds. They may be given by position
    # too, in this order, behind the other arguments.
    usual: ClassVar[Mapping[str, object]] = {}
    __signature__: ClassVar[Signature]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if cls.usual:
            if "__init__" in vars(cls):
                cls.__init__ = by_position(cls.__init__, cls.usual)
            parameters = list(signature_of(cls).parameters.values())
            cls.__signature__ = Signature(parameters[1:])
        if "build" in vars(cls):
            cls.build = _marking_built(cls.build)  # pyright: ignore

    def __new__(cls, *given: object, **named: object) -> Self:
        layer = super().__new__(cls)
        layer._given = arguments_of(cls, given, named)
        return layer

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        check_options(type(self).__name__, options, self.usual)
        trainable = options.get("trainable", True)
        if not isinstance(trainable, bool):
            raise ArgumentError("trainable is to be a boolean", received=repr(trainable))
        self._name = options.get("name") or unique_name(snake_case(type(self).__name__))
        self.trainable = trainable
        self.dtype_policy = policy_of(options.get("dtype"))
        self.dtype = self.dtype_policy.variable_dtype
        shape = options.get("input_shape")
        self.declared_shape: BuildShape | None = (None, *shape) if shape is not None else None
        self.activity_regularizer = regularizers.get(options.get("activity_regularizer"))
        self.weight_rules, self.past = WeightRules(), Past()
        # The shape of the last output; known from the first call on.
        self.output_shape: BuildShape | None = None
        self.symbolic_calls: list[Connection] = []
        # Shapes and dtypes of the inputs of the first call, as plain values.
        self.input_form: object = None
        self._declare_usual({**self.usual, **options})

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

    def _declare_usual(self, options: Mapping[str, object]) -> None:
        """Declare the weights whose rules are among the keywords."""
        names = [n.removesuffix("_initializer") for n in self.usual if n.endswith("_initializer")]
        for name in names:
            rules = (options.get(f"{name}_{rule}") for rule in RULES)
            self.declare(name, *rules)  # pyright: ignore[reportArgumentType]

    def add_weight(
        self, shape: Sequence[int] | None = None, initializer: initializers.Given | None = None,
        dtype: DTypeLike | None = None, trainable: bool = True,
        regularizer: regularizers.Given = None, constraint: constraints.Given = None,
        name: str = "weight", *, rules: str | None = None,
    ) -> Variable:  # fmt: skip
        """A new weight with its initial value; store it in an attribute of the layer.

        What is not given is as `declare` said for the name (or that of `rules`); otherwise the
        weight begins as glorot_uniform says, at 0 if it is not of floats, and has no rules.
        """
        if isinstance(shape, str):
            raise ArgumentError(
                "the name of a weight is a keyword argument",
                received=repr(shape),
                fix=f"add_weight(shape, name={shape!r})",
            )
        if self.past.called:
            raise ArgumentError(
                f"{self.name} cannot add new elements of state: it has been called before",
                received=f"the weight {name}",
                fix="make all weights in __init__ or in build",
            )
        declared = self.weight_rules.declared.get(rules or name)
        kind = as_dtype(dtype or self.dtype)
        usual = "glorot_uniform" if kind.is_float else "zeros"
        start = initializer or (declared.initializer if declared else None) or usual
        value = room.empty(tuple(shape or ()), kind)
        if value is None:
            value = initializers.get(start)(tuple(shape or ()), kind)
        weight = variable(value, name=f"{self.name}/{name}", trainable=trainable)
        penalty = regularizers.get(regularizer) or (declared.regularizer if declared else None)
        if penalty is not None:
            self.weight_rules.regularizers[weight] = penalty
        rule = constraints.get(constraint) or (declared.constraint if declared else None)
        weight.constraint = rule
        return weight

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tree[Tensor]:
        """The mask of the output, from the mask of the inputs."""
        return mask if self.supports_masking else None

    def add_loss(self, loss: Tensor | Sequence[Tensor]) -> None:
        """Add a scalar, or several, to what training minimises; for use in `call`.

        Eager calls keep it in `losses` until the next call.
        """
        for value in loss if isinstance(loss, list | tuple) else [loss]:
            scalar = convert.as_tensor(cast(Tensor, value))
            effects.add_loss(scalar)
            if effects.collected() is None and scalar.concrete() is not None:
                self.past.losses.append(scalar)

    # ------------------------------------------------------------------------ calling

    @eager_on_arrays
    def __call__(
        self, inputs: object = None, *more: object, training: bool | None = None,
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
        wanted = parameters_of(type(self), "call")
        if inputs is None and wanted.names[:1]:
            inputs = options.pop(wanted.names[0], None)
        tensors = cast(Tree[Tensor], map_arrays(self._as_input, inputs))
        more, options = (converted(v, self._as_input) for v in (more, options))  # pyright: ignore
        named = wanted.named((tensors, *more), options)
        self.build_once(tensors, named)
        if isinstance(tensors, Tensor):
            check_input(self.name, self.input_spec, tensors)
        around = PHASE.get()
        phase = Phase(around.training if training is None else training, around.depth + 1)
        found = masks_for(wanted.names, named)
        known = masks_of(tensors) if named.get("mask") is None else named["mask"]
        said = {**options, **found}
        if "training" in wanted.names[1 + len(more) :] or wanted.open:
            said["training"] = phase.training
        result = self._called(phase, (tensors, *more), said)
        self._finish(tensors, cast(Tree[Tensor], known), result)
        if around.depth:
            return result
        said = {} if training is None else {"training": training}
        return cast(Tensor, remembered(Call(self, (tensors, *more), {**options, **said}), result))

    def _called(
        self, phase: Phase, given: tuple[object, ...], options: dict[str, object]
    ) -> Tensor:
        """What `call` answers, with the phase around it."""
        if phase.depth == 1:
            for part in parts_of(self):
                part.past.losses.clear()
        self.past.called = True
        token = PHASE.set(phase)
        try:
            with weights_in(self.dtype_policy):
                if phase.depth == 1 and not (is_eager() and are_known((given, options))):
                    return without_effects(self.call, given, options)
                return self.call(*given, **options)
        finally:
            PHASE.reset(token)

    def _finish(self, inputs: Tree[Tensor], mask: Tree[Tensor], result: Tree[Tensor]) -> None:
        """What a result means for the layer: its shape, its mask, what its activity costs."""
        if not (flat := leaves(result)):
            return
        if flat[0] is result:
            self.output_shape = build_shape(flat[0].shape)
        keep_masks(result, self.compute_mask(inputs, mask))
        if self.activity_regularizer is not None:
            for output in flat:
                self.add_loss(_per_example(self.activity_regularizer(output), output))

    def build_once(self, tensors: Tree[Tensor], named: Named | None = None) -> None:
        """Build for the shapes of these inputs, unless the layer is built.

        `named` are all arguments of the call, for a `build` that takes the shapes of several.
        """
        if self.input_form is None:
            self.input_form = tree_map(_form, tensors)
        if not self.built:
            shapes = shapes_for(type(self), named or {"inputs": tensors})
            self.build(**shapes)  # pyright: ignore[reportArgumentType]
            self.built = True

    def compute_output_shape(self, input_shape: BuildShape) -> BuildShape:
        """The shape of the output for inputs of this shape; nested as inputs and outputs are."""
        parameters_of(type(self), "call")
        with unseen_calls():
            result = self(placeholders(input_shape, self.dtype))
        return cast(BuildShape, shapes_of(result))

    def compute_output_spec(self, inputs: Tree[Tensor]) -> Tree[Tensor]:
        """Placeholders with the shapes and dtypes of the outputs for these inputs."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            with unseen_calls():
                return self(inputs)
        shape = self.compute_output_shape(cast(BuildShape, shapes_of(inputs)))
        return placeholders(shape, self.compute_dtype)

    def _as_input(self, value: object) -> Tensor | None:
        if value is None:
            return None
        tensor = convert.as_tensor(value)  # pyright: ignore[reportArgumentType]
        wanted = self.autocast and tensor.dtype.is_float
        return as_float(tensor, self.compute_dtype) if wanted else tensor

    @property
    def variable_dtype(self) -> DType:
        """What the weights are; another name of `dtype`."""
        return self.dtype

    @property
    def compute_dtype(self) -> DType:
        """What the layer computes in; `dtype` is that of its weights."""
        policy = self.dtype_policy
        return policy.compute_dtype if policy.is_mixed else self.dtype

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of regularized weights, and what the last eager call added."""
        parts = parts_of(self)
        penalties = [r(w) for part in parts for w, r in part.weight_rules.regularizers.items()]
        return penalties + [loss for part in parts for loss in part.past.losses]

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
        if self.activity_regularizer is None:
            names.pop("activity_regularizer", None)
        return {n: plain(own.get(n, value), self.name) for n, value in names.items()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A layer from what `get_config` gave; name, trainable and dtype are set afterwards where
        `__init__` does not take them."""
        given, rest = taken_by(cls, config)
        layer = cls(**given)  # pyright: ignore[reportArgumentType]
        layer._name = cast("str | None", rest.get("name")) or layer._name
        if not rest.get("trainable", True):
            layer.trainable = False
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

Build = Callable[..., None]


def _marking_built(build: Build) -> Build:
    """A `build` after which the layer counts as built, whoever calls it."""

    @wraps(build)
    def marking(layer: Layer, *shapes: object, **named: object) -> None:
        build(layer, *shapes, **named)
        layer.built = True

    return marking


def _form(tensor: Tensor) -> dict[str, object]:
    """The shape of an input, that of one example for computed ones, and its dtype."""
    sizes = build_shape(tensor.shape)
    known = sizes if tensor.concrete() is None else (None, *sizes[1:])[: tensor.ndim]
    return {"shape": list(known), "dtype": tensor.dtype.name}


def _per_example(penalty: Tensor, output: Tensor) -> Tensor:
    """The penalty of a batch over the number of its examples."""
    if output.ndim == 0:
        return penalty
    count = elementwise.maximum(leaf.size_of(output.shape[0], penalty.dtype), 1)
    return elementwise.div(penalty, count)
