"""Layers of no family: functions as layers, masks, embeddings, scaling of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self, Unpack, cast, final

import numpy as np

from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.frontend.config import image_data_format
from graphc.frontend.lookup import find
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import convert, elementwise, index, leaf, reduce

from .layer import Layer
from .spatial import positive
from .spec import BuildShape, LayerOptions


@final
class Lambda(Layer):
    """y = function(x, **arguments), for a function of tensors without weights.

    The function itself is not written into files, only its name: a function that was registered by
    `gx.saving.register_keras_serializable` is found again.

    >>> Lambda(lambda x: x * 2)([1.0, 2.0]).numpy().tolist()
    [2.0, 4.0]
    """

    def __init__(
        self, function: Callable[..., Tensor], output_shape: Sequence[int | None] | None = None,
        mask: Tensor | Callable[..., Tensor] | None = None,
        arguments: Mapping[str, object] | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.function, self.mask = function, mask
        self.arguments = dict(arguments or {})
        self.supports_masking = mask is not None

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        options = dict(config)
        for name in ("function", "mask"):
            if isinstance(given := options.get(name), str):
                options[name] = find("function", activations.BY_NAME, given)
        return cls(**options)  # pyright: ignore[reportArgumentType]

    def call(self, inputs: Tree[Tensor]) -> Tensor:
        return convert.as_tensor(self.function(inputs, **self.arguments))

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask


@final
class Masking(Layer):
    """Steps whose features all equal mask_value become 0 and count no more.

    (batch, steps, features); layers behind it that know masks pass over these steps.

    >>> Masking()([[[1.0, 2.0], [0.0, 0.0]]]).shape
    (1, 2, 2)
    """

    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.mask_value = mask_value

    def call(self, inputs: Tensor) -> Tensor:
        counts = reduce.any(elementwise.not_equal(inputs, self.mask_value), -1, keepdims=True)
        return elementwise.mul(inputs, convert.cast(counts, inputs.dtype))

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        x = convert.as_tensor(cast(Tensor, inputs))
        return reduce.any(elementwise.not_equal(x, self.mask_value), -1)


@final
class Embedding(Layer):
    """Whole numbers in [0, input_dim) become rows of a matrix: (batch, ...) -> (batch, ..., out).

    `embeddings` is (input_dim, output_dim). With `mask_zero`, 0 stands for "nothing here": steps
    with it count no more.

    >>> layer = Embedding(1000, 8)
    >>> layer(np.array([[1, 2, 3]])).shape, layer.count_params()
    ((1, 3, 8), 8000)
    """

    autocast = False

    def __init__(
        self, input_dim: int, output_dim: int,
        embeddings_initializer: initializers.Given = "uniform",
        embeddings_regularizer: regularizers.Given = None,
        embeddings_constraint: constraints.Given = None, mask_zero: bool = False,
        weights: object = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.input_dim = positive(input_dim, "input_dim")
        self.output_dim, self.mask_zero = positive(output_dim, "output_dim"), mask_zero
        self.supports_masking = mask_zero
        self.declare(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        if weights is not None:
            self.build()
            given = weights[0] if isinstance(weights, list) and len(weights) == 1 else weights
            self.embeddings.assign(np.asarray(given, np.float32))

    def build(self, input_shape: BuildShape | None = None) -> None:
        self.embeddings = self.add_weight((self.input_dim, self.output_dim), name="embeddings")

    def call(self, inputs: Tensor) -> Tensor:
        kind = inputs.dtype
        rows = inputs if kind.is_integer else convert.cast(inputs, "int32")
        return index.take(self.embeddings, rows, axis=0)

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        if not self.mask_zero:
            return None
        return elementwise.not_equal(convert.as_tensor(cast(Tensor, inputs)), 0)


@final
class Rescaling(Layer):
    """y = x * scale + offset, such as Rescaling(1 / 127.5, -1) for pixels to [-1, 1].

    A scale for each channel goes with the layout of images that is set.
    """

    supports_masking = True

    def __init__(
        self, scale: float | Sequence[float], offset: float | Sequence[float] = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        scale, offset = (self._numbers(v, x.ndim) for v in (self.scale, self.offset))
        scaled = elementwise.mul(x, leaf.constant(scale, x.dtype))
        return elementwise.add(scaled, leaf.constant(offset, x.dtype))

    def _numbers(self, given: float | Sequence[float], ndim: int) -> np.ndarray:
        numbers = np.asarray(given, np.float64)
        first = numbers.ndim == 1 and image_data_format() == "channels_first" and ndim > 2
        return numbers.reshape(-1, *(1,) * (ndim - 2)) if first else numbers
