"""What layers for images have in common: batches and single images, masks and labels beside them.

Random layers act in training only. Each image of a batch gets a draw of its own, and its mask the
same one; the same seed gives the same images on every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Unpack

from graphc.errors import ArgumentError
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.image.form import as_batch
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.phase import is_outermost
from graphc.frontend.layers.spec import BaseOptions
from graphc.frontend.seeds import SeedGenerator
from graphc.frontend.structure import has_symbolic, map_arrays
from graphc.ir.dim import Size
from graphc.ir.mode import is_eager
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import convert, elementwise, movement, random
from graphc.ops.convert import TensorLike
from graphc.ops.window import layout

# What is drawn for a batch, by name: one number per image and kind.
Drawn = Mapping[str, Tensor]
Factor = float | tuple[float, float] | list[float]

IMAGES, LABELS, MASKS = "images", "labels", "segmentation_masks"


class Draws:
    """Random numbers for a batch, one per image with each call."""

    def __init__(self, key: Tensor, count: Size) -> None:
        self.key, self.count, self._used = key, count, 0

    def uniform(self, low: float = 0.0, high: float = 1.0, *more: Size) -> Tensor:
        """Numbers in [low, high): (count, *more)."""
        return random.uniform(self.fresh(), (self.count, *more), low, high)

    def per_image(self, low: float, high: float) -> Tensor:
        """The same as (count, 1, 1, 1), which goes with images."""
        return movement.reshape(self.uniform(low, high), (-1, 1, 1, 1))

    def sign(self) -> Tensor:
        """1 or -1, each half of the time."""
        return elementwise.where(elementwise.less(self.uniform(), 0.5), -1.0, 1.0)

    def happens(self, probability: tuple[float, float]) -> Tensor:
        """Whether something happens whose probability is drawn first."""
        return elementwise.less(self.uniform(), self.uniform(*probability))

    def fresh(self) -> Tensor:
        """Another key."""
        self._used += 1
        return random.fold_in(self.key, self._used)


class TrainingByDefault(Layer):
    """A layer that is called with arrays, outside of models, to see what it does in training."""

    def __call__(
        self, inputs: object = None, *more: object, training: bool | None = None,
        **options: object,
    ) -> Tensor:  # fmt: skip
        """What the layer makes of images; inside of models `training` is that of the model."""
        if training is None and is_outermost() and _has_values(inputs):
            training = True
        return super().__call__(inputs, *more, training=training, **options)


class ImageLayer(TrainingByDefault):
    """A layer for images (height, width, channels), alone or in a batch.

    It also takes a dict of "images", "labels" and "segmentation_masks", or a pair of images with
    masks or labels, and answers the like. A subclass says what becomes of a batch of floats
    (`changed`), and of masks (`changed_masks`) if they move with the images; what is random it
    draws in `draw`.
    """

    # Whether the layer acts in inference too.
    always = True

    def __init__(self, data_format: str | None = None, **options: Unpack[BaseOptions]) -> None:
        super().__init__(**options)
        self.data_format = layout(data_format)

    # ------------------------------------------------------------------------ for subclasses

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        """What is random, for a batch (count, height, width, channels)."""
        return {}

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        """The images that come out for a batch of floats (count, height, width, channels)."""
        return x

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        """The masks that come out, in their dtype."""
        return x

    def changed_labels(self, labels: Tensor, drawn: Drawn) -> Tensor:
        """The labels that come out."""
        return labels

    # ------------------------------------------------------------------------ as Keras names it

    @eager_on_arrays
    def get_random_transformation(
        self, data: object, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> Drawn | None:
        """What is random for these images; None in inference."""
        return {}

    @eager_on_arrays
    def transform_images(
        self, images: TensorLike, transformation: Drawn | None, training: bool = True
    ) -> Tensor:
        """Images after the change that was drawn."""
        x, back = as_batch(images, self.data_format)
        x = convert.cast(x, self.compute_dtype)
        return back(self.changed(x, transformation or {}) if training else x)

    @eager_on_arrays
    def transform_segmentation_masks(
        self, segmentation_masks: TensorLike, transformation: Drawn | None, training: bool = True
    ) -> Tensor:
        """Masks after the same change."""
        if not training:
            return convert.as_tensor(segmentation_masks)
        x, back = as_batch(segmentation_masks, self.data_format)
        return back(self.changed_masks(x, transformation or {}))

    @eager_on_arrays
    def transform_labels(
        self, labels: TensorLike, transformation: Drawn | None, training: bool = True
    ) -> Tensor:
        """Labels after the same change."""
        y = convert.as_tensor(labels)
        return self.changed_labels(y, transformation or {}) if training else y

    # ------------------------------------------------------------------------ calling

    def call(self, inputs: Tree[Tensor], training: bool = False) -> Tree[Tensor]:  # pyright: ignore
        parts, together = _apart(inputs)
        active = training or self.always
        single = parts[IMAGES].ndim == 3
        flat = [n for n in parts if n == MASKS and parts[n].ndim == parts[IMAGES].ndim - 1]
        parts = {n: movement.expand_dims(t, -1) if n in flat else t for n, t in parts.items()}
        if single:
            parts = {name: movement.expand_dims(t, 0) for name, t in parts.items()}
        drawn = self.get_random_transformation(parts, training=training)
        changes: dict[str, Callable[..., Tensor]] = {
            IMAGES: self.transform_images,
            LABELS: self.transform_labels,
            MASKS: self.transform_segmentation_masks,
        }
        found = {name: changes[name](t, drawn, training=active) for name, t in parts.items()}
        if single:
            found = {name: movement.squeeze(t, 0) for name, t in found.items()}
        return together({n: movement.squeeze(t, -1) if n in flat else t for n, t in found.items()})


class RandomImageLayer(ImageLayer):
    """A layer for images that draws, and is the identity in inference."""

    always = False

    def __init__(
        self, seed: int | None = None, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(data_format, **options)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed, name=self.name)

    @eager_on_arrays
    def get_random_transformation(
        self, data: object, training: bool = True, seed: int | SeedGenerator | None = None
    ) -> Drawn | None:
        if not training:
            return None
        images, _ = as_batch(_apart(data)[0][IMAGES], self.data_format)
        if isinstance(seed, int):
            key = random.key(seed)
        else:
            key = (seed or self.seed_generator).next_key()
        return self.draw(images, Draws(key, images.shape[0]))


def interval(
    factor: Factor, low: float, high: float, name: str = "factor", *, alone: float | None = None
) -> tuple[float, float]:
    """The ends between which numbers are drawn, from two numbers or from one.

    One number f means (-f, f); or (alone, f) where `alone` is given.

    Raises:
        ArgumentError: neither one nor two numbers in low .. high.
    """
    given = factor if isinstance(factor, tuple | list) else (factor,)
    whole = all(isinstance(f, int | float) and low <= f <= high for f in given)
    if not whole or len(given) not in (1, 2):
        raise ArgumentError(
            f"{name} is a number or two numbers",
            received=repr(factor),
            expected=f"within {low} .. {high}",
        )
    ends = (min(given), max(given)) if len(given) == 2 else (
        (-abs(given[0]) if alone is None else alone), abs(given[0])
    )  # fmt: skip
    return float(ends[0]), float(ends[1])


def values(value_range: tuple[float, float] | list[float]) -> tuple[float, float]:
    """The smallest and the largest value that pixels have.

    Raises:
        ArgumentError: not two different numbers.
    """
    if len(value_range) != 2 or value_range[0] == value_range[1]:
        raise ArgumentError("value_range is the smallest and the largest value of pixels",
                            received=repr(value_range), expected="such as (0, 255)")  # fmt: skip
    return float(min(value_range)), float(max(value_range))


def _apart(inputs: object) -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], Tree[Tensor]]]:
    """Images, labels and masks by name, and the way back to the form in which they came."""
    if isinstance(inputs, Mapping):
        unknown = set(inputs) - {IMAGES, LABELS, MASKS}
        if unknown or IMAGES not in inputs:
            raise ArgumentError(
                "a dict of images has other entries",
                received=", ".join(map(str, inputs)),
                expected=f"{IMAGES}, and perhaps {LABELS} and {MASKS}",
            )
        return {n: convert.as_tensor(t) for n, t in inputs.items()}, dict
    if isinstance(inputs, tuple | list):
        if len(inputs) != 2:
            raise ArgumentError("images come with one more array: masks or labels",
                                received=f"{len(inputs)} arrays")  # fmt: skip
        images, other = map(convert.as_tensor, inputs)
        name = MASKS if _are_masks(images, other) else LABELS
        form = type(inputs)
        return {IMAGES: images, name: other}, lambda found: form([found[IMAGES], found[name]])
    return {IMAGES: convert.as_tensor(inputs)}, lambda found: found[IMAGES]  # pyright: ignore


def _has_values(inputs: object) -> bool:
    """Whether the inputs are arrays, or tensors that eager mode computed."""
    if not is_eager():
        return not has_symbolic(inputs)
    parts: list[object] = leaves(map_arrays(lambda part: part, inputs))
    return all(p.concrete() is not None for p in parts if isinstance(p, Tensor))


def _are_masks(images: Tensor, other: Tensor) -> bool:
    """Whether an array has a number per pixel of the images."""
    pixels = [s for s in images.shape[-3:] if s in other.shape]
    return other.ndim >= images.ndim - 1 and len(pixels) >= 2
