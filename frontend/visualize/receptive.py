"""How much of the image a place in a layer sees: its receptive field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from graphc.diff.reverse import grad
from graphc.errors import ModeError, ShapeError
from graphc.frontend.models.model import Model
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ops import elementwise, leaf, reduce

from .networks import LayerName, answers, run, wiring_of


@final
@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """`strength` is the mean |d answer / d pixel| in the shape of the image, (height, width)."""

    strength: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the smallest rectangle around all pixels that matter."""
        # Convolutions by fewer products leave rounding errors beside their support.
        seen = self.strength > 1e-5 * self.strength.max()
        rows, columns = (np.flatnonzero(seen.any(axis=a)) for a in (1, 0))
        return tuple(  # pyright: ignore[reportReturnType]
            int(found[-1] - found[0] + 1) if len(found) else 0 for found in (rows, columns)
        )


def receptive_field(
    model: Model, layer: LayerName, *, place: tuple[int, int] | None = None, samples: int = 16,
    seed: int = 0,
) -> ReceptiveField:  # fmt: skip
    """What the answer of a layer at one place (the middle one) depends on.

    Measured as the support of its gradient by random images: max pooling and ReLU pass different
    gradients for each, so the mean over `samples` shows the whole field. (Luo et al. 2016.)

    Raises:
        ModeError: the layer does not answer images, or the image size is not known.
        ShapeError: a place that the layer does not have.
    """
    declared = wiring_of(model).inputs
    if not isinstance(declared, Tensor) or declared.ndim != 4:
        raise ModeError(f"{model.name} does not take images (batch, height, width, channels)")
    shape = [n for n in declared.shape[1:] if isinstance(n, int)]
    if len(shape) != 3:
        raise ModeError(f"the size of the images of {model.name} is not known")
    pixels = np.random.default_rng(seed).standard_normal((samples, *shape)).astype(np.float32)
    with evaluating_with(None):
        x = leaf.constant(pixels)
        (y,) = answers(model, x, [layer])
        sizes = [n for n in y.shape[1:3] if isinstance(n, int)]
        if y.ndim != 4:
            raise ModeError("the layer does not answer images", received=y.shape)
        row, column = place or (sizes[0] // 2, sizes[1] // 2)
        if not (0 <= row < sizes[0] and 0 <= column < sizes[1]):
            raise ShapeError(
                "the layer has no such place", received=(row, column), expected=tuple(sizes)
            )
        slope = grad(reduce.sum(y[:, row, column]), x)
        assert isinstance(slope, Tensor), "the gradient by one tensor"
        found = run(reduce.mean(elementwise.abs(slope), axis=(0, 3)), "receptive_field")
    assert isinstance(found, np.ndarray), "one tensor is computed"
    return ReceptiveField(found)
