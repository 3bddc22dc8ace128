"""Batches of changed images, made on the host: what `ImageDataGenerator` of older programs does.

The changes are those of the layers in frontend/layers/augmentation/. In new programs the layers
themselves, inside of a model, are simpler and faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

import numpy as np

from graphc.errors import ArgumentError, ModeError
from graphc.frontend.layers import augmentation
from graphc.frontend.layers.augmentation.base import RandomImageLayer
from graphc.ops.window import is_channels_last, layout

from .batches import Batches
from .folders import image_dataset_from_directory
from .rows import as_arrays, count_rows, take_rows

Range = float | Sequence[float]


@final
class ImageDataGenerator:
    """Batches of images, turned, shifted, sheared, zoomed, mirrored and brightened at random.

    rotation_range is in degrees, shear_range in degrees too, shifts are fractions of
    the size, zoom_range z means 1 - z .. 1 + z, brightness_range multiplies. Then
    images are scaled by `rescale`, given to preprocessing_function, and centred and divided by
    their own statistics (samplewise) or those that `fit` measures (featurewise).

    >>> x, y = np.zeros((5, 8, 8, 1)), np.arange(5)
    >>> flow = ImageDataGenerator(rotation_range=20, rescale=1 / 255).flow(x, y, batch_size=2)
    >>> [images.shape for images, labels in flow]
    [(2, 8, 8, 1), (2, 8, 8, 1), (1, 8, 8, 1)]
    """

    def __init__(
        self, featurewise_center: bool = False, samplewise_center: bool = False,
        featurewise_std_normalization: bool = False, samplewise_std_normalization: bool = False,
        rotation_range: float = 0.0, width_shift_range: float = 0.0,
        height_shift_range: float = 0.0, brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0, zoom_range: Range = 0.0, channel_shift_range: float = 0.0,
        fill_mode: str = "nearest", cval: float = 0.0, horizontal_flip: bool = False,
        vertical_flip: bool = False, rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None, validation_split: float = 0.0,
    ) -> None:  # fmt: skip
        self.data_format, self.validation_split = layout(data_format), validation_split
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.centers = (samplewise_center, featurewise_center or featurewise_std_normalization)
        self.divides = (samplewise_std_normalization, featurewise_std_normalization)
        self.brightness_range = brightness_range
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        moving = {"fill_mode": fill_mode, "fill_value": cval, "data_format": self.data_format}
        zoom = zoom_range if isinstance(zoom_range, Sequence) else (1 - zoom_range, 1 + zoom_range)
        scales = (zoom[0] - 1.0, zoom[1] - 1.0)
        flips = {(True, True): "horizontal_and_vertical", (True, False): "horizontal",
                 (False, True): "vertical"}  # fmt: skip
        flip = flips.get((horizontal_flip, vertical_flip))
        steps = (
            (rotation_range, lambda: augmentation.RandomRotation(rotation_range / 360, **moving)),
            (
                height_shift_range or width_shift_range,
                lambda: augmentation.RandomTranslation(
                    height_shift_range, width_shift_range, **moving
                ),
            ),
            (
                shear_range,
                lambda: augmentation.RandomShear(math.tan(math.radians(shear_range)), **moving),
            ),
            (
                tuple(zoom) != (1, 1),
                lambda: augmentation.RandomZoom(scales, scales, **moving),
            ),
            (flip, lambda: augmentation.RandomFlip(str(flip), data_format=self.data_format)),
        )
        self.layers: list[RandomImageLayer] = [make() for wanted, make in steps if wanted]
        self.channel_shift_range = channel_shift_range

    def flow(
        self, x: object, y: object = None, batch_size: int = 32, shuffle: bool = True,
        sample_weight: object = None, seed: int | None = None, subset: str | None = None, *,
        workers: int = 0,
    ) -> Batches:  # fmt: skip
        """Batches of these images; `subset` is training or validation, which comes first."""
        data = [as_arrays(v) if v is not None else None for v in (x, y, sample_weight)]
        count = count_rows(data)
        part = _subset(count, self.validation_split, subset)
        rows = [take_rows(v, part) if v is not None else None for v in data]
        return Batches(
            *rows, batch_size=batch_size, shuffle=shuffle, seed=seed, transform=self._changed,
            draws=True, workers=workers,
        )  # fmt: skip

    def flow_from_directory(
        self, directory: str | Path, target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb", classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical", batch_size: int = 32, shuffle: bool = True,
        seed: int | None = None, subset: str | None = None, interpolation: str = "nearest", *,
        workers: int = 2,
    ) -> Batches:  # fmt: skip
        """Batches of the pictures in a folder with one folder per class."""
        mode = "int" if class_mode == "sparse" else class_mode
        split = self.validation_split if subset else None
        found = image_dataset_from_directory(
            directory, "inferred" if mode else None, mode, classes, color_mode, batch_size,
            target_size, shuffle, 0 if seed is None and split else seed, split, subset,
            interpolation, data_format=self.data_format, workers=workers,
        )  # fmt: skip
        assert isinstance(found, Batches), "one subset at a time"
        return found.transformed(self._changed, draws=True)

    def fit(self, x: object, augment: bool = False, rounds: int = 1, seed: int = 0) -> None:
        """Measure the means and deviations of each channel that the featurewise arguments use."""
        images = np.asarray(x, np.float32)
        if augment:
            draw = np.random.default_rng(seed)
            images = np.concatenate([self._moved(images, draw) for _ in range(rounds)])
        images = images * (self.rescale or 1.0)
        axes = (0, 1, 2) if is_channels_last(self.data_format) else (0, 2, 3)
        self.mean = images.mean(axes, keepdims=True)[0]
        self.std = images.std(axes, keepdims=True)[0]

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """A batch scaled, preprocessed, centred and divided as the arguments say."""
        y = np.asarray(x, np.float32) * np.float32(self.rescale or 1.0)
        if self.preprocessing_function is not None:
            y = np.stack([self.preprocessing_function(image) for image in y])
        own = (1, 2, 3)
        y = y - y.mean(own, keepdims=True) if self.centers[0] else y
        y = y / (y.std(own, keepdims=True) + 1e-6) if self.divides[0] else y
        if self.centers[1]:
            if self.mean is None or self.std is None:
                raise ModeError("nothing was measured yet", fix="call fit(x) of the generator")
            y = y - self.mean
            y = y / (self.std + 1e-6) if self.divides[1] else y
        return np.asarray(y, np.float32)

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """One image after random changes, not standardised."""
        return self._moved(np.asarray(x, np.float32)[None], np.random.default_rng(seed))[0]

    def _changed(self, x: np.ndarray, *rest: object) -> object:
        """A batch; the last argument is its generator of random numbers."""
        *others, draw = rest
        assert isinstance(draw, np.random.Generator), "Batches gives one"
        images = self.standardize(self._moved(np.asarray(x, np.float32), draw))
        return (images, *others) if others else images

    def _moved(self, x: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        for layer in self.layers:
            drawn = layer.get_random_transformation(x, seed=int(draw.integers(1 << 62)))
            x = layer.transform_images(x, drawn).numpy()
        if self.brightness_range is not None:
            low, high = self.brightness_range
            x = np.clip(x * draw.uniform(low, high, (len(x), 1, 1, 1)), 0, 255)
        if self.channel_shift_range:
            shape = (len(x), 1, 1, x.shape[-1])
            if not is_channels_last(self.data_format):
                shape = (len(x), x.shape[1], 1, 1)
            shift = draw.uniform(-self.channel_shift_range, self.channel_shift_range, shape)
            x = np.clip(x + shift, x.min(), x.max())
        return x.astype(np.float32)


def _subset(count: int, fraction: float, subset: str | None) -> slice:
    border = int(count * fraction)
    parts = {
        None: slice(0, count),
        "validation": slice(0, border),
        "training": slice(border, count),
    }
    if subset not in parts or (subset is not None and not border):
        raise ArgumentError(
            "no such subset",
            received=f"{subset!r} of validation_split={fraction}",
            expected="training or validation, of a validation_split above 0",
        )
    return parts[subset]
