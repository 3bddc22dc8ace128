"""Neural style transfer: the content of one image in the style of another.

    content  mean (F - P)**2 / mean P**2       F, P: a layer's answers to the image and the content
    style    mean (G - A)**2 / mean A**2       G, A: Gram matrices of answers to image and style
    total    weighted sum of both over layers, and of the total variation of the image

(Gatys, Ecker and Bethge 2016, eq. 1, 3, 4, 5 and 7; each term is relative here, so that the weights
need not follow the sizes of layers.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from graphc.compiler import function
from graphc.diff.reverse import grad
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.models.model import Model
from graphc.frontend.optimizers import Adam
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops import elementwise, leaf, matmul, movement, reduce
from graphc.ops.variable import variable

from .ascent import Range, total_variation
from .networks import LayerName, answers, run

Layers = LayerName | Sequence[LayerName]


@final
@dataclass(frozen=True, slots=True)
class Transfer:
    """The image, and the loss before each step."""

    image: np.ndarray
    losses: np.ndarray


def gram_matrix(maps: Tensor) -> Tensor:
    """Which channels answer together: (batch, h, w, c) -> (batch, c, c), the mean over all places.

    >>> from graphc.ops.leaf import placeholder
    >>> gram_matrix(placeholder((1, 5, 6, 3))).shape
    (1, 3, 3)
    """
    batch, height, width, channels = maps.shape
    rows = movement.reshape(maps, (batch, height * width, channels))
    sums = matmul.matmul(movement.transpose(rows, (0, 2, 1)), rows)
    return sums / leaf.size_of(height * width, maps.dtype)


def style_transfer(
    model: Model, content: object, style: object, *, content_layers: Layers,
    style_layers: Layers, content_weight: float = 1.0, style_weight: float = 1.0,
    variation_weight: float = 0.0, steps: int = 200, rate: float = 0.02,
    limits: Range = (0.0, 1.0), start: object = None,
) -> Transfer:  # fmt: skip
    """An image of the shape of `content`, (height, width, channels), by Adam on its pixels.

    It begins as the content, or as `start`. The style may have another size. All steps are one
    native call.

    Raises:
        ShapeError: images that are not (height, width, channels), or a start of another shape.
        ArgumentError: no steps.
    """
    pictures = [_image(content, "content"), _image(style, "style")]
    begin = pictures[0] if start is None else _image(start, "start")
    if begin.shape != pictures[0].shape:
        raise ShapeError(
            "the start has the shape of the content",
            received=begin.shape[1:],
            expected=pictures[0].shape[1:],
        )
    if steps < 1:
        raise ArgumentError("steps is a positive number", received=steps)
    seen = _list(content_layers), _list(style_layers)
    with evaluating_with(None):
        wished = answers(model, leaf.constant(pictures[0]), seen[0])
        grams = [gram_matrix(y) for y in answers(model, leaf.constant(pictures[1]), seen[1])]
        goals = [leaf.constant(a) for a in leaves(run([*wished, *grams], "style_goals"))]
        image = variable(begin, name="styled_image")
        found = answers(model, image, [*seen[0], *seen[1]])
        now = [*found[: len(wished)], *map(gram_matrix, found[len(wished) :])]
        weights = [content_weight / len(wished)] * len(wished)
        weights += [style_weight / len(grams)] * len(grams)
        parts = [w * _relative(a, b) for w, a, b in zip(weights, now, goals)]
        loss = sum(parts, variation_weight * reduce.sum(total_variation(image)))
        optimizer = Adam(rate * (limits[1] - limits[0] if limits else 1.0))
        updates = optimizer.updates([(leaves(grad(loss, image))[0], image)])
        if limits is not None:
            updates[image] = elementwise.clip(updates[image], *limits)
        turn = leaf.placeholder(("turns",), name="turns")
        step = function([turn], loss, updates=updates, name="style_transfer")
    losses = step.each_batch(np.zeros(steps, np.float32), size=1)
    assert isinstance(losses, np.ndarray), "one loss per turn"
    return Transfer(image.numpy()[0], losses)


def _relative(a: Tensor, b: Tensor) -> Tensor:
    """The mean square of a - b in units of that of b."""
    return reduce.mean(elementwise.square(a - b)) / (reduce.mean(elementwise.square(b)) + 1e-12)


def _list(layers: Layers) -> list[LayerName]:
    return [layers] if isinstance(layers, LayerName) else list(layers)


def _image(value: object, name: str) -> np.ndarray:
    image = np.asarray(value, np.float32)
    if image.ndim != 3:
        raise ShapeError(
            f"{name} is one image", received=image.shape, expected="(height, width, channels)"
        )
    return image[None]
