"""Layers that only arrange the elements anew, and the declaration of an input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, final

from graphc.dtypes import DTypeLike, float32
from graphc.errors import ArgumentError
from graphc.frontend.naming import unique_name
from graphc.ir.dim import product
from graphc.ir.node import Tensor
from graphc.ops import convert, movement
from graphc.ops.leaf import placeholder
from graphc.ops.window import is_channels_last, layout

from .layer import Layer
from .spec import InputSpec, LayerOptions, build_shape


def Input(
    shape: Sequence[int | None], batch_size: int | None = None, dtype: DTypeLike = float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """A placeholder (batch, *shape): where a model begins.

    >>> Input((28, 28, 1)).shape[1:]
    (28, 28, 1)
    """
    return placeholder((batch_size, *shape), dtype, name=name or unique_name("keras_tensor"))


@final
class InputLayer(Layer):
    """Says what shape a Sequential model takes; passes its input on."""

    def __init__(
        self, shape: Sequence[int | None], dtype: DTypeLike = float32, name: str | None = None
    ) -> None:
        super().__init__(input_shape=shape, dtype=dtype, name=name)

        self.shape = tuple(shape)
        self.output_shape = self.declared_shape

    @classmethod
    def of(cls, x: Tensor) -> InputLayer:
        """The layer that says what an `Input` says."""
        return cls(build_shape(x.shape)[1:], x.dtype, x.name)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, object]:
        return {"shape": list(self.shape), "dtype": self.dtype.name, "name": self.name}


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
