"""Images that a network likes: activation maximisation and DeepDream, by gradient ascent on pixels.

All steps of an ascent are one loop in one native call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from graphc.diff.reverse import grad
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.models.model import Model
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops import convert, elementwise, leaf, movement, reduce
from graphc.ops.control import TensorTree, scan
from graphc.ops.resize import resize

from .networks import LayerName, answers, as_images, run, wiring_of

Range = tuple[float, float] | None
Weights = LayerName | Sequence[LayerName] | Mapping[str, float]


def activation_maximization(
    model: Model, layer: LayerName, channels: int | Sequence[int], *, start: object = None,
    steps: int = 60, rate: float = 0.05, smooth: float = 0.0, seed: int = 0,
    limits: Range = (0.0, 1.0),
) -> np.ndarray:  # fmt: skip
    """For each channel (or unit) of a layer, an image that excites it: (channels, *input shape).

    Gradient ascent on its mean activation, minus `smooth` times the total variation, from noise or
    from `start`; a step moves pixels by `rate` times the range of `limits` in the mean, and keeps
    them inside. (Erhan et al. 2009.)

    Raises:
        ArgumentError: a channel that the layer does not have.
        ShapeError: a start of another shape than the input.
    """
    wanted = np.atleast_1d(np.asarray(channels, np.int32))
    first = _start(model, start, len(wanted), seed, limits)
    places = leaf.constant(wanted)

    def liking(x: Tensor) -> Tensor:
        (y,) = answers(model, x, [layer])
        count = y.shape[-1]
        if not isinstance(count, int) or not ((wanted >= 0) & (wanted < count)).all():
            raise ArgumentError(
                "the layer has no such channel", received=wanted.tolist(), expected=f"0 .. {count}"
            )
        mean = reduce.mean(y, axis=tuple(range(1, y.ndim - 1))) if y.ndim > 2 else y
        at = elementwise.equal(leaf.arange(count), movement.expand_dims(places, 1))
        chosen = reduce.sum(mean * convert.cast(at, mean.dtype), axis=-1)
        return chosen - smooth * total_variation(x) if smooth else chosen

    low, high = limits or (0.0, 1.0)
    image, _ = ascended(liking, first, steps, rate * (high - low), limits)
    return image


def deep_dream(
    model: Model, image: object, layers: Weights, *, octaves: int = 3, scale: float = 1.4,
    steps: int = 20, rate: float = 0.01, limits: Range = (0.0, 1.0),
) -> np.ndarray:  # fmt: skip
    """The image with more of what layers see in it: (height, width, channels).

    Ascent on the mean square of the answers of `layers` (a name, names, or names with weights), in
    sizes from small to whole, each `scale` times the one before; what shrinking lost of the image
    is added again at each size. The layers must take any image size, as convolutions do.
    (Mordvintsev, Olah and Tyka 2015.)

    Raises:
        ArgumentError: fewer than one octave.
        ShapeError: not one image (height, width, channels).
    """
    if octaves < 1 or scale <= 1:
        raise ArgumentError(
            "octaves grow", received=f"{octaves} of scale {scale}", expected="1 or more, above 1"
        )
    whole = np.asarray(image, np.float32)
    if whole.ndim != 3:
        raise ShapeError("one image", received=whole.shape, expected="(height, width, channels)")
    weights = _weights(layers)

    def liking(x: Tensor) -> Tensor:
        found = zip(weights.values(), answers(model, x, list(weights)))
        parts = [w * reduce.mean(y * y, axis=tuple(range(1, y.ndim))) for w, y in found]
        return sum(parts[1:], parts[0])

    powers = range(octaves - 1, -1, -1)
    sizes = [tuple(max(1, round(n / scale**p)) for n in whole.shape[:2]) for p in powers]
    original = whole[None]
    dream, small = resized(original, sizes[0]), resized(original, sizes[0])
    span = limits[1] - limits[0] if limits else 1.0
    for size in sizes:
        lost = resized(original, size) - resized(small, size)
        dream = resized(dream, size) + lost
        dream, _ = ascended(liking, dream, steps, rate * span, limits)
        small = resized(original, size)
    return dream[0]


def ascended(
    liking: Callable[[Tensor], Tensor], start: np.ndarray, steps: int, rate: float, limits: Range
) -> tuple[np.ndarray, np.ndarray]:
    """Images after gradient ascent, and what was reached before each step: (steps, images).

    x <- clip(x + rate * g / mean |g|), g the gradient of `liking` by the image. The rate falls to a
    tenth on the way, so that images settle.
    """
    if steps < 1:
        raise ArgumentError("steps is a positive number", received=steps)

    def step(carry: TensorTree, pace: TensorTree) -> tuple[TensorTree, TensorTree]:
        x, reach = (convert.as_tensor(t) for t in (carry, pace))  # pyright: ignore
        value = liking(x)
        (g,) = leaves(grad(reduce.sum(value), x))
        size = reduce.mean(elementwise.abs(g), axis=tuple(range(1, g.ndim)), keepdims=True)
        moved = x + reach * g / (size + 1e-12)
        return (moved if limits is None else elementwise.clip(moved, *limits)), value

    paces = np.linspace(rate, rate / 10, steps).astype(start.dtype)
    with evaluating_with(None):
        last, values = scan(step, leaf.constant(start), leaf.constant(paces))
        found = run((last, values), "ascent")
    assert isinstance(found, tuple), "a pair is computed"
    return found  # pyright: ignore[reportReturnType]


def total_variation(x: Tensor) -> Tensor:
    """The mean square difference of neighbours below and beside, for each image."""
    down = elementwise.square(x[:, 1:] - x[:, :-1])
    across = elementwise.square(x[:, :, 1:] - x[:, :, :-1])
    axes = tuple(range(1, x.ndim))
    return reduce.mean(down, axis=axes) + reduce.mean(across, axis=axes)


def resized(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Images (n, height, width, channels) at another size, smoothed where they shrink."""
    if tuple(size) == images.shape[1:3]:
        return images
    with evaluating_with(None):
        found = run(resize(leaf.constant(images), tuple(size), antialias=True), "resized")
    assert isinstance(found, np.ndarray), "one tensor is computed"
    return found


def _weights(layers: Weights) -> dict[LayerName, float]:
    if isinstance(layers, Mapping):
        return {name: float(weight) for name, weight in layers.items()}
    return dict.fromkeys([layers] if isinstance(layers, LayerName) else layers, 1.0)


def _start(model: Model, start: object, count: int, seed: int, limits: Range) -> np.ndarray:
    """A row for each image: the given ones, or grey noise."""
    if start is not None:
        given = as_images(start)
        if len(given) not in (1, count):
            raise ShapeError(
                "an image for each channel, or one for all", received=given.shape, expected=count
            )
        return np.broadcast_to(given, (count, *given.shape[1:])).copy()
    x = wiring_of(model).inputs
    assert isinstance(x, Tensor), "a model of images has one input"
    shape = [n for n in x.shape[1:] if isinstance(n, int)]
    if len(shape) != x.ndim - 1:
        raise ShapeError(
            "the size of the input is not known", received=x.shape, fix="give start=, an image"
        )
    low, high = limits or (0.0, 1.0)
    noise = np.random.default_rng(seed).random((count, *shape))
    return ((low + high) / 2 + (high - low) * 0.1 * (noise - 0.5)).astype(np.float32)
