"""Layers that only arrange the elements anew, and the declaration of an input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, cast, final

from graphc.dtypes import DType, DTypeLike, as_dtype
from graphc.errors import ArgumentError, DTypeError
from graphc.frontend.config import floatx, layout
from graphc.frontend.naming import unique_name
from graphc.ir.dim import product
from graphc.ir.node import Tensor
from graphc.ops import convert, movement
from graphc.ops.leaf import placeholder
from graphc.ops.window import is_channels_last

from .calls import declare_input
from .layer import Layer
from .spatial import positive
from .spec import BuildShape, InputSpec, LayerOptions, build_shape


def Input(
    shape: Sequence[int | None] | None = None, batch_size: int | None = None,
    dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None, name: str | None = None,
    tensor: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """A placeholder (batch, *shape): where a model begins. `batch_shape` has the batch with it.

    >>> Input((28, 28, 1)).shape[1:]
    (28, 28, 1)
    """
    if sparse or ragged or tensor is not None:
        return InputLayer(
            shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, name
        ).output
    whole = _whole(shape, batch_size, batch_shape, tensor)
    label = name or unique_name("keras_tensor")
    return declare_input(placeholder(whole, dtype or floatx(), name=label))


@final
class InputLayer(Layer):
    """Says what shape a model takes; passes its input on. `output` is the placeholder.

    With an `input_tensor` that is the placeholder, and what else is given has to agree with it.
    """

    def __init__(
        self, shape: Sequence[int | None] | None = None, batch_size: int | None = None,
        dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None, input_tensor: Tensor | None = None,
        name: str | None = None, *, input_shape: Sequence[int | None] | None = None,
    ) -> None:  # fmt: skip
        if sparse or ragged:
            raise ArgumentError("inputs are dense tensors", received="sparse=True or ragged=True")
        own = input_shape if shape is None else shape
        whole = _whole(own, batch_size, batch_shape, input_tensor)
        kind = as_dtype(dtype or (floatx() if input_tensor is None else input_tensor.dtype))
        super().__init__(dtype=kind, name=name)
        if input_tensor is not None:
            _agrees(whole, kind, input_tensor)
            whole = build_shape(input_tensor.shape)
        self.declared_shape = self.output_shape = self.batch_shape = whole
        self._tensor = input_tensor
        self.sparse = self.ragged = False

    @classmethod
    def of(cls, x: Tensor) -> InputLayer:
        """The layer that says what an `Input` says."""
        return cls(batch_shape=build_shape(x.shape), dtype=x.dtype, name=x.name)

    @property
    def output(self) -> Tensor:
        """The placeholder."""
        if self._tensor is None:
            fresh = placeholder(self.batch_shape, self.dtype, name=self.name)
            self._tensor = declare_input(fresh)
        return self._tensor

    def call(self, inputs: Tensor | None = None) -> Tensor:
        return cast(Tensor, inputs)

    def get_config(self) -> dict[str, object]:
        shape = list(self.batch_shape)
        return {"batch_shape": shape, "dtype": self.dtype.name, "name": self.name}


def _whole(
    shape: Sequence[int | None] | None, batch_size: int | None,
    batch_shape: Sequence[int | None] | None, tensor: Tensor | None,
) -> BuildShape:  # fmt: skip
    """The shape with the batch; None for each size that is not said."""
    if batch_shape is not None and (shape is not None or batch_size is not None):
        raise ArgumentError(
            "an input has a shape without the batch, or a batch_shape with it",
            received=f"shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}",
        )
    if batch_shape is not None:
        return tuple(batch_shape)
    if shape is not None:
        return (batch_size, *shape)
    if tensor is not None:
        return (batch_size, *build_shape(tensor.shape)[1:])
    raise ArgumentError("an input has a shape", fix="Input((28, 28)), without the batch")


def _agrees(whole: BuildShape, dtype: DType, tensor: Tensor) -> None:
    known = build_shape(tensor.shape)
    fits = len(whole) == len(known) and all(a in (None, b) for a, b in zip(whole, known))
    if not fits or dtype is not tensor.dtype:
        raise ArgumentError(
            "what is said of the input is not what its tensor is",
            received=f"{whole} of {dtype}",
            expected=f"{known} of {tensor.dtype}",
        )


@final
class Flatten(Layer):
    """All axes but the batch made one: (batch, a, b, c) -> (batch, a * b * c).

    >>> Flatten()(placeholder((None, 5, 5, 64))).shape[1:]
    (1600,)
    """

    def __init__(self, data_format: str | None = None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.data_format = layout(data_format)

    def call(self, inputs: Tensor) -> Tensor:
        if not is_channels_last(self.data_format) and inputs.ndim > 2:
            inputs = movement.moveaxis(inputs, 1, -1)
        return movement.reshape(inputs, (inputs.shape[0], product(inputs.shape[1:])))


@final
class Reshape(Layer):
    """Another shape for each example: (batch, ...) -> (batch, *target_shape); one size may be -1.

    >>> Reshape((-1, 3))(placeholder((None, 12))).shape[1:]
    (4, 3)
    """

    def __init__(self, target_shape: Sequence[int], **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.target_shape = tuple(target_shape)
        if any(n < -1 for n in self.target_shape) or self.target_shape.count(-1) > 1:
            raise ArgumentError(
                "target_shape has sizes, one of which may be -1", received=self.target_shape
            )

    def call(self, inputs: Tensor) -> Tensor:
        return movement.reshape(inputs, (inputs.shape[0], *self.target_shape))


@final
class Permute(Layer):
    """The axes of each example in another order; dims counts them from 1.

    >>> Permute((2, 1))(placeholder((None, 10, 64))).shape[1:]
    (64, 10)
    """

    def __init__(self, dims: Sequence[int], **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                "dims are the axes of an example in a new order",
                received=tuple(dims),
                expected="a permutation of 1, 2, ...; 0 is the batch",
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return movement.transpose(inputs, (0, *self.dims))


@final
class RepeatVector(Layer):
    """The same vector for n time steps: (batch, features) -> (batch, n, features)."""

    def __init__(self, n: int, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        if isinstance(n, bool) or not isinstance(n, int):
            raise DTypeError("n is a number of time steps", received=repr(n))
        self.n = positive(n, "n")
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        batch, features = inputs.shape
        return convert.broadcast_to(movement.expand_dims(inputs, 1), (batch, self.n, features))


@final
class Identity(Layer):
    """y = x."""

    supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs
