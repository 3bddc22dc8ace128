"""Which pixels a decision hangs on, from gradients of a score by the image.

    saliency |ds/dx|  ·  SmoothGrad: mean of ds/dx over noisy images  ·  integrated gradients

A score is what goes into the softmax (or sigmoid) of a class, if the model ends with one: there,
gradients do not vanish where the model is certain.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.diff.reverse import grad
from graphc.errors import ArgumentError
from graphc.frontend.models.model import Model
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops import convert, elementwise, leaf, random, reduce
from graphc.ops.control import TensorTree, scan

from .networks import Target, compiled_for, score


def gradients(model: Model, images: object, target: Target = None) -> np.ndarray:
    """d score / d image, in the shape of the images.

    `target` is a class for all images or one for each; without it, each image's best class.
    """

    def build(x: Tensor, classes: Tensor | None) -> Tensor:
        return _gradient(model, x, classes)

    return compiled_for(images, target, build, "gradients")


def saliency(model: Model, images: object, target: Target = None) -> np.ndarray:
    """How much each pixel changes the score: max over channels of |ds/dx|, (n, height, width).

    (Simonyan, Vedaldi and Zisserman 2013, section 3.)

    >>> from graphc.frontend.layers import Dense, Flatten
    >>> from graphc.frontend.models import Sequential
    >>> model = Sequential([Flatten(input_shape=(2, 2, 1)), Dense(3, activation="softmax")])
    >>> saliency(model, np.ones((5, 2, 2, 1))).shape
    (5, 2, 2)
    """

    def build(x: Tensor, classes: Tensor | None) -> Tensor:
        return _over_channels(elementwise.abs(_gradient(model, x, classes)))

    return compiled_for(images, target, build, "saliency")


def smooth_grad(
    model: Model, images: object, target: Target = None, *, noise: float = 0.15,
    samples: int = 25, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """The saliency of a mean gradient, over images with normal noise: (n, height, width).

    The standard deviation is `noise` times the range of each image. (Smilkov et al. 2017, eq. 1.)
    Without noise, or with one sample of none, it is `saliency`.
    """
    _at_least_one(samples, "samples")

    def build(x: Tensor, classes: Tensor | None) -> Tensor:
        axes = tuple(range(1, x.ndim))
        spread = reduce.max(x, axis=axes, keepdims=True) - reduce.min(x, axis=axes, keepdims=True)
        chosen = _chosen(model, x, classes)
        key = random.key(seed)

        def noisy(i: Tensor) -> Tensor:
            drawn = random.normal(random.fold_in(key, i), x.shape, dtype=x.dtype)
            return _gradient(model, x + noise * spread * drawn, chosen)

        total = _sum_of(noisy, x, samples)
        return _over_channels(elementwise.abs(total / samples))

    return compiled_for(images, target, build, "smooth_grad")


def integrated_gradients(
    model: Model, images: object, target: Target = None, *, baseline: object = 0.0,
    steps: int = 50,
) -> np.ndarray:  # fmt: skip
    """What each pixel adds to the score of an image over that of a baseline; shape of the images.

    (x - b) * integral of ds/dx at b + a (x - b) over a from 0 to 1, by the midpoint rule: the sum
    over all pixels is s(x) - s(b), but for the error of the rule. (Sundararajan, Taly and Yan 2017,
    eq. 1.)
    """
    _at_least_one(steps, "steps")

    def build(x: Tensor, classes: Tensor | None) -> Tensor:
        start = convert.cast(convert.as_tensor(baseline), x.dtype)  # pyright: ignore
        way = x - start
        chosen = _chosen(model, x, classes)

        def on_the_way(i: Tensor) -> Tensor:
            share = (convert.cast(i, x.dtype) + 0.5) / steps
            return _gradient(model, x - (1 - share) * way, chosen)

        total = _sum_of(on_the_way, x, steps)
        return way * total / steps

    return compiled_for(images, target, build, "integrated_gradients")


def _chosen(model: Model, x: Tensor, classes: Tensor | None) -> Tensor | None:
    """The classes of the images themselves, that other images on the way are asked about too."""
    outputs = model(x, training=False)
    if classes is not None or outputs.ndim < 2 or outputs.shape[-1] == 1:
        return classes
    return reduce.argmax(outputs, axis=-1)


def _gradient(model: Model, x: Tensor, classes: Tensor | None) -> Tensor:
    found = grad(reduce.sum(score(model(x, training=False), classes)), x)
    assert isinstance(found, Tensor), "the gradient by one tensor"
    return found


def _sum_of(term: Callable[[Tensor], Tensor], like: Tensor, count: int) -> Tensor:
    """term(0) + ... + term(count - 1), one after the other."""

    def step(total: TensorTree, i: TensorTree) -> tuple[TensorTree, TensorTree]:
        return convert.as_tensor(total) + term(convert.as_tensor(i)), ()  # pyright: ignore

    total, _ = scan(step, like * 0.0, leaf.arange(count))
    return leaves(total)[0]


def _over_channels(x: Tensor) -> Tensor:
    return reduce.max(x, axis=-1) if x.ndim == 4 else x


def _at_least_one(count: int, name: str) -> None:
    if count < 1:
        raise ArgumentError(f"{name} is a positive number", received=count)
