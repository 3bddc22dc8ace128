"""Layers that change images, at random in training: augmentation as part of a model.

They act on whole batches inside of the compiled step, and on arrays outside of models:
`RandomFlip("horizontal")(images, training=True)`.
"""

from __future__ import annotations

from .color import (
    RandomBrightness,
    RandomChannelShift,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomSaturation,
)
from .framing import CenterCrop, RandomCrop, RandomResizedCrop, Resizing
from .geometry import (
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from .mixing import CutMix, MixUp, RandomErasing
from .pipeline import Pipeline
from .tone import (
    AutoContrast,
    Equalization,
    GaussianBlur,
    RandomGaussianBlur,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)

__all__ = [
    "AutoContrast",
    "CenterCrop",
    "CutMix",
    "Equalization",
    "GaussianBlur",
    "MixUp",
    "Pipeline",
    "RandomBrightness",
    "RandomChannelShift",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "Solarization",
]
