"""Which regions of an image a decision hangs on: Grad-CAM, and scores with a patch covered."""

from __future__ import annotations

import numpy as np

from graphc.diff.reverse import grad
from graphc.errors import ArgumentError, ModeError, ShapeError
from graphc.frontend.layers.layer import Layer
from graphc.frontend.models.model import Model
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops import activation, elementwise, leaf, movement, reduce
from graphc.ops.control import TensorTree, scan
from graphc.ops.resize import resize

from .networks import (
    LayerName,
    Target,
    as_images,
    compiled_for,
    layer_of,
    score,
    unit_range,
    wiring_of,
)


def grad_cam(
    model: Model, images: object, target: Target = None, *, layer: LayerName | None = None
) -> np.ndarray:
    """Where a convolution sees the class, from 0 to 1: (n, height, width) of the images.

    relu(sum over channels of w_c A_c), with A the layer's answer and w_c the mean of ds/dA_c over
    all places; then stretched to the size of the images. (Selvaraju et al. 2017, eq. 1 and 2.) The
    `layer` is the last one that answers images, if none is named.

    Raises:
        ModeError: no layer answers images, or the model's layers are not known.
    """
    chosen = _last_images(model) if layer is None else layer_of(model, layer)

    def build(x: Tensor, classes: Tensor | None) -> Tensor:
        seen: list[Tensor] = []

        def met(part: Layer, results: list[Tensor]) -> None:
            seen.extend(results[:1] if part is chosen else [])

        outputs = wiring_of(model).run(x, met)
        assert isinstance(outputs, Tensor), "a classifier has one output"
        if not seen or seen[-1].ndim != 4:
            raise ModeError(
                f"{chosen.name} does not answer images (batch, height, width, channels)"
            )
        maps = seen[-1]
        slopes = grad(reduce.sum(score(outputs, classes)), maps)
        assert isinstance(slopes, Tensor), "the gradient by one tensor"
        weights = reduce.mean(slopes, axis=(1, 2), keepdims=True)
        heat = activation.relu(reduce.sum(weights * maps, axis=-1, keepdims=True))
        size = [n for n in x.shape[1:3] if isinstance(n, int)]
        return unit_range(resize(heat, size)[..., 0])

    return compiled_for(images, target, build, "grad_cam")


def occlusion(
    model: Model, images: object, target: Target = None, *, size: int = 4,
    stride: int | None = None, value: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """How far the score falls when a square patch has a constant value: (n, rows, columns).

    One number for each place of the patch, `stride` pixels apart (half a patch by default). (Zeiler
    and Fergus 2014, section 4.2.)
    """
    shape = as_images(images).shape
    apart = max(1, size // 2) if stride is None else stride
    if len(shape) != 4:
        raise ShapeError("patches are of images", received=shape, expected="(n, h, w, channels)")
    if apart < 1 or not 0 < size <= min(shape[1:3]):
        raise ArgumentError(
            "a patch lies inside of the image", received=f"size {size}, stride {apart}"
        )
    tops, lefts = (range(0, extent - size + 1, apart) for extent in shape[1:3])
    places = np.array([(i, j) for i in tops for j in lefts], np.int32)

    def build(x: Tensor, classes: Tensor | None) -> Tensor:
        rows, columns = (leaf.iota((*shape[1:3], 1), axis) for axis in (0, 1))
        outputs = model(x, training=False)
        single = outputs.ndim == 1 or outputs.shape[-1] == 1
        known = reduce.argmax(outputs, axis=-1) if classes is None and not single else classes
        before = score(outputs, known)

        def step(_: TensorTree, place: TensorTree) -> tuple[TensorTree, TensorTree]:
            top, left = (t for t in leaves(place) if isinstance(t, Tensor))
            inside = _within(rows, top, size) & _within(columns, left, size)
            return (), score(model(elementwise.where(inside, value, x), training=False), known)

        corners = tuple(leaf.constant(column) for column in places.T)
        after = leaves(scan(step, (), corners)[1])[0]
        falls = movement.transpose(before - after, (1, 0))
        return movement.reshape(falls, (x.shape[0], len(tops), len(lefts)))

    return compiled_for(images, target, build, "occlusion")


def _within(numbers: Tensor, start: Tensor, size: int) -> Tensor:
    return (numbers >= start) & (numbers < start + size)


def _last_images(model: Model) -> Layer:
    """The last layer that answers images."""
    found = [s.call.layer for s in wiring_of(model).steps if next(iter(s.results)).ndim == 4]
    if not found:
        raise ModeError(f"no layer of {model.name} answers images")
    return found[-1]
