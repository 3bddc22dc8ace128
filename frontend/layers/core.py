"""Layers of no family: functions as layers, masks, embeddings, scaling of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self, Unpack, final

import numpy as np

from graphc.errors import ArgumentError, ModeError
from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.frontend.config import epsilon
from graphc.frontend.lookup import find
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import convert, elementwise, index, leaf, movement, reduce
from graphc.ops.variable import Variable

from .layer import Layer
from .spec import BaseOptions, BuildShape, LayerOptions, known_size


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
        assert isinstance(inputs, Tensor), "one input"
        return reduce.any(elementwise.not_equal(inputs, self.mask_value), -1)


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
        self.input_dim, self.output_dim, self.mask_zero = input_dim, output_dim, mask_zero
        self.supports_masking = mask_zero
        self.declare(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        if weights is not None:
            self.build((None,))
            given = weights[0] if isinstance(weights, list) and len(weights) == 1 else weights
            self.embeddings.assign(np.asarray(given, np.float32))

    def build(self, input_shape: BuildShape) -> None:
        self.embeddings = self.add_weight((self.input_dim, self.output_dim), name="embeddings")

    def call(self, inputs: Tensor) -> Tensor:
        kind = inputs.dtype
        rows = inputs if kind.is_integer else convert.cast(inputs, "int32")
        return index.take(self.embeddings, rows, axis=0)

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        assert isinstance(inputs, Tensor), "one input"
        return elementwise.not_equal(inputs, 0) if self.mask_zero else None


@final
class Rescaling(Layer):
    """y = x * scale + offset, such as Rescaling(1 / 127.5, -1) for pixels to [-1, 1]."""

    def __init__(
        self, scale: float | Sequence[float], offset: float | Sequence[float] = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        scale, offset = (np.asarray(v, np.float64) for v in (self.scale, self.offset))
        scaled = elementwise.mul(x, leaf.constant(scale, x.dtype))
        return elementwise.add(scaled, leaf.constant(offset, x.dtype))


@final
class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), statistics of the data per element of `axis`.

    They are given, or `adapt(data)` measures them; until then they are 0 and 1. `axis=None` has one
    mean for all. With `invert` y = x * sqrt(variance) + mean.

    >>> layer = Normalization(axis=None)
    >>> layer.adapt(np.array([1.0, 2.0, 3.0]))
    >>> layer(np.array([2.0])).numpy().tolist()
    [0.0]
    """

    mean: Tensor
    variance: Tensor

    def __init__(
        self, axis: int | Sequence[int] | None = -1, mean: object = None, variance: object = None,
        invert: bool = False, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.axis = axis if axis is None or isinstance(axis, int) else list(axis)
        self.invert = invert
        if (mean is None) != (variance is None):
            raise ArgumentError("mean and variance are given both, or measured by adapt")
        self.given = None if mean is None else (np.asarray(mean), np.asarray(variance))

    def build(self, input_shape: BuildShape) -> None:
        shape = [known_size(self.name, input_shape, a) for a in self._kept(len(input_shape))]
        if self.given is not None:
            mean, variance = (np.broadcast_to(v, shape) for v in self.given)
            self.mean = leaf.constant(mean, self.dtype)
            self.variance = leaf.constant(variance, self.dtype)
        else:
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")

    def adapt(self, data: object) -> None:
        """Measure mean and (biased) variance of the data: an array, or a list of batches."""
        if self.given is not None:
            raise ModeError(f"{self.name} was given its mean and variance")
        batches = data if isinstance(data, list) and isinstance(data[0], np.ndarray) else [data]
        x = np.concatenate([np.asarray(batch, np.float64) for batch in batches])
        self.build_once(leaf.placeholder((None, *x.shape[1:]), self.dtype))
        kept = self._kept(x.ndim)
        over = tuple(a for a in range(x.ndim) if a not in kept)
        for weight, value in ((self.mean, x.mean(over)), (self.variance, x.var(over))):
            assert isinstance(weight, Variable), "statistics that are measured are weights"
            weight.assign(value.astype(np.float32))

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        kept = self._kept(x.ndim)
        shape = [x.shape[a] if a in kept else 1 for a in range(x.ndim)]
        mean = movement.reshape(self.mean, shape)
        spread = elementwise.maximum(
            elementwise.sqrt(movement.reshape(self.variance, shape)), epsilon()
        )
        if self.invert:
            return elementwise.add(mean, elementwise.mul(x, spread))
        return elementwise.div(elementwise.sub(x, mean), spread)

    def _kept(self, ndim: int) -> tuple[int, ...]:
        if self.axis is None:
            return ()
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        return tuple(sorted(a % ndim for a in axes))
