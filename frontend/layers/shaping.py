"""Layers that only arrange the elements anew, and the declaration of an input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, final

from graphc.dtypes import DTypeLike
from graphc.errors import ArgumentError
from graphc.frontend.config import floatx
from graphc.frontend.naming import unique_name
from graphc.ir.dim import product
from graphc.ir.node import Tensor
from graphc.ops import convert, movement
from graphc.ops.leaf import placeholder
from graphc.ops.window import is_channels_last, layout

from .layer import Layer
from .spec import BuildShape, InputSpec, LayerOptions, build_shape


def Input(
    shape: Sequence[int | None] | None = None, batch_size: int | None = None,
    dtype: DTypeLike | None = None, name: str | None = None, *,
    batch_shape: Sequence[int | None] | None = None,
) -> Tensor:  # fmt: skip
    """A placeholder (batch, *shape): where a model begins. `batch_shape` has the batch with it.

    >>> Input((28, 28, 1)).shape[1:]
    (28, 28, 1)
    """
    whole = _whole(shape, batch_size, batch_shape)
    return placeholder(whole, dtype or floatx(), name=name or unique_name("keras_tensor"))


@final
class InputLayer(Layer):
    """Says what shape a Sequential model takes; passes its input on."""

    def __init__(
        self, shape: Sequence[int | None] | None = None, batch_size: int | None = None,
        dtype: DTypeLike | None = None, name: str | None = None, *,
        batch_shape: Sequence[int | None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(dtype=dtype, name=name)
        self.declared_shape = _whole(shape, batch_size, batch_shape)
        self.output_shape = self.declared_shape

    @classmethod
    def of(cls, x: Tensor) -> InputLayer:
        """The layer that says what an `Input` says."""
        return cls(batch_shape=build_shape(x.shape), dtype=x.dtype, name=x.name)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, object]:
        shape = list(self.declared_shape or ())
        return {"batch_shape": shape, "dtype": self.dtype.name, "name": self.name}


def _whole(
    shape: Sequence[int | None] | None, batch_size: int | None,
    batch_shape: Sequence[int | None] | None,
) -> BuildShape:  # fmt: skip
    if (shape is None) == (batch_shape is None):
        raise ArgumentError(
            "an input has a shape without the batch, or a batch_shape with it",
            received=f"shape={shape}, batch_shape={batch_shape}",
        )
    return tuple(batch_shape) if batch_shape is not None else (batch_size, *(shape or ()))


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
            raise ArgumentError("n is a number of time steps", received=repr(n))
        self.n = n
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
