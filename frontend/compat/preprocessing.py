"""What well-known networks expect of images: `preprocess_input`, one form per family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc import dtypes
from graphc.ir.node import Tensor
from graphc.ops import convert, movement

from .values import as_tensor, constant

# Means over ImageNet, in blue, green, red; and the same in red, green, blue of the range 0 .. 1.
_BLUE_GREEN_RED = (103.939, 116.779, 123.68)
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def centred(x: object, data_format: str | None = None) -> Tensor:
    """x / 127.5 - 1: pixels 0 .. 255 become -1 .. 1.

    >>> from graphc.frontend.compat.mode import running
    >>> with running():
    ...     print(centred(np.array([0.0, 255.0], np.float32)).numpy())
    [-1.  1.]
    """
    return convert.cast(as_tensor(x), dtypes.float32) / 127.5 - 1.0


def without_means(x: object, data_format: str | None = None) -> Tensor:
    """Red, green, blue become blue, green, red, each without its mean over ImageNet."""
    pixels = movement.flip(convert.cast(as_tensor(x), dtypes.float32), -1)
    return pixels - constant(np.array(_BLUE_GREEN_RED, np.float32))


def standardized(x: object, data_format: str | None = None) -> Tensor:
    """(x / 255 - mean) / deviation, with those of ImageNet for each channel."""
    pixels = convert.cast(as_tensor(x), dtypes.float32) / 255.0
    mean, deviation = (constant(np.array(v, np.float32)) for v in (_MEAN, _DEVIATION))
    return (pixels - mean) / deviation


BY_NETWORK: dict[str, Callable[..., Tensor]] = {
    **dict.fromkeys(
        ("nasnet", "inception_v3", "inception_resnet_v2", "xception", "mobilenet", "mobilenet_v2",
         "resnet_v2"), centred),
    **dict.fromkeys(("vgg16", "vgg19", "resnet", "resnet50"), without_means),
    "densenet": standardized,
}  # fmt: skip
