"""Functions of networks by TensorFlow's names and arguments: tf.nn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc import dtypes
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import activation, convolution, elementwise, index, movement, nn, reduce
from graphc.ops import dropout as dropping
from graphc.ops.convert import TensorLike
from graphc.ops.reduce import Axes

from .draws import next_key
from .values import as_tensor

Ints = int | Sequence[int]

# ---------------------------------------------------------------------------- windows


def _inner(value: Ints | None, rank: int, data_format: str | None) -> Ints | None:
    """Sizes of the spatial axes only, from one per axis of the tensor."""
    if value is None or isinstance(value, int) or len(value) != rank + 2:
        return value
    return tuple(value[2:] if data_format and data_format.startswith("NC") else value[1:-1])


def _layout(data_format: str | None) -> str | None:
    if data_format is None:
        return None
    return "channels_first" if data_format.startswith("NC") else "channels_last"


def _sides(padding: str | Sequence[Sequence[int]]) -> str | list[tuple[int, int]]:
    """same, valid, or pairs for the spatial axes."""
    if isinstance(padding, str):
        return padding.lower()
    return [(low, high) for low, high in padding[1:-1]]


def convolution_of(rank: int) -> Callable[..., Tensor]:
    """conv1d, conv2d or conv3d."""

    def call(
        input: object, filters: object, strides: Ints = 1,  # noqa: A002
        padding: str | Sequence[Sequence[int]] = "VALID", data_format: str | None = None,
        dilations: Ints | None = None,
    ) -> Tensor:  # fmt: skip
        return convolution.conv(
            as_tensor(input), as_tensor(filters), _inner(strides, rank, data_format) or 1,
            _sides(padding), _layout(data_format), _inner(dilations, rank, data_format) or 1,
            rank=rank,
        )  # fmt: skip

    call.__doc__ = convolution.conv.__doc__
    return call


def depthwise_conv2d(
    input: object, filter: object, strides: Ints = 1, padding: str = "VALID",  # noqa: A002
    data_format: str | None = None, dilations: Ints | None = None,
) -> Tensor:  # fmt: skip
    """A convolution of each channel on its own."""
    return convolution.depthwise_conv2d(
        as_tensor(input), as_tensor(filter), _inner(strides, 2, data_format) or 1,
        padding.lower(), _layout(data_format), _inner(dilations, 2, data_format) or 1,
    )  # fmt: skip


def pooling_of(function: Callable[..., Tensor], rank: int | None) -> Callable[..., Tensor]:
    """max_pool2d and its like; the rank is that of the input if it is None."""

    def call(
        input: object, ksize: Ints, strides: Ints | None = None,  # noqa: A002
        padding: str = "VALID", data_format: str | None = None,
    ) -> Tensor:  # fmt: skip
        tensor = as_tensor(input)
        count = tensor.ndim - 2 if rank is None else rank
        window, steps = (_inner(v, count, data_format) for v in (ksize, strides))
        return function(tensor, window, steps, padding.lower(), _layout(data_format))

    call.__doc__ = function.__doc__
    return call


# ---------------------------------------------------------------------------- activations


def softmax(logits: object, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along an axis."""
    return activation.softmax(as_tensor(logits), axis)


def log_softmax(logits: object, axis: int = -1) -> Tensor:
    """x - log(sum(exp(x))) along an axis."""
    return activation.log_softmax(as_tensor(logits), axis)


def leaky_relu(features: object, alpha: float = 0.2) -> Tensor:
    """max(alpha * x, x)."""
    return activation.leaky_relu(as_tensor(features), alpha)


def dropout(
    x: object, rate: float, noise_shape: Sequence[int] | None = None, seed: int | None = None
) -> Tensor:
    """x / (1 - rate) where a coin says keep, else 0; at every call another one."""
    return dropping.dropout(as_tensor(x), rate, next_key(seed), noise_shape)


# ---------------------------------------------------------------------------- losses


def softmax_cross_entropy_with_logits(labels: object, logits: object, axis: int = -1) -> Tensor:
    """-sum of labels * log(softmax(logits)) along an axis."""
    scores = activation.log_softmax(as_tensor(logits), axis)
    return elementwise.neg(reduce.sum(elementwise.mul(as_tensor(labels), scores), axis))


def sparse_softmax_cross_entropy_with_logits(labels: object, logits: object) -> Tensor:
    """-log(softmax(logits)) of the classes in `labels`."""
    scores = activation.log_softmax(as_tensor(logits), -1)
    places = movement.expand_dims(as_tensor(labels, dtypes.int32), -1)
    return elementwise.neg(movement.squeeze(index.take_along_axis(scores, places, -1), -1))


def sigmoid_cross_entropy_with_logits(labels: object, logits: object) -> Tensor:
    """max(x, 0) - x * z + log(1 + exp(-|x|)), for logits x and labels z."""
    x, z = as_tensor(logits), as_tensor(labels)
    tail = elementwise.log1p(elementwise.exp(elementwise.neg(elementwise.abs(x))))
    return elementwise.maximum(x, 0) - elementwise.mul(x, z) + tail


def l2_loss(t: object) -> Tensor:
    """Half the sum of squares."""
    return elementwise.mul(reduce.sum(elementwise.square(as_tensor(t))), 0.5)


# ---------------------------------------------------------------------------- normalisation


def moments(
    x: object, axes: Axes, shift: None = None, keepdims: bool = False
) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes."""
    return nn.moments(as_tensor(x), axes, keepdims)


def batch_normalization(
    x: object, mean: TensorLike, variance: TensorLike, offset: TensorLike | None,
    scale: TensorLike | None, variance_epsilon: float,
) -> Tensor:  # fmt: skip
    """scale * (x - mean) / sqrt(variance + epsilon) + offset."""
    centred = elementwise.sub(as_tensor(x), mean)
    y = centred * elementwise.rsqrt(elementwise.add(as_tensor(variance), variance_epsilon))
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def l2_normalize(x: object, axis: Axes = None, epsilon: float = 1e-12) -> Tensor:
    """x divided by its Euclidean norm along axes."""
    return nn.l2_normalize(as_tensor(x), axis, epsilon)


def bias_add(value: object, bias: TensorLike, data_format: str | None = None) -> Tensor:
    """The bias added to each channel."""
    x, b = as_tensor(value), as_tensor(bias)
    if b.ndim != 1:
        raise ArgumentError("a bias has one number per channel", received=b.shape)
    if data_format and data_format.startswith("NC"):
        b = movement.reshape(b, (-1, *[1] * (x.ndim - 2)))
    return elementwise.add(x, b)


def embedding_lookup(params: object, ids: object) -> Tensor:
    """The rows of a table."""
    return index.take(as_tensor(params), as_tensor(ids))


def zero_fraction(value: object) -> Tensor:
    """How large a part of the elements is 0."""
    return reduce.mean(elementwise.where(elementwise.equal(as_tensor(value), 0), 1.0, 0.0))
