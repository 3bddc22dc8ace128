"""Pictures in files and arrays, through Pillow, which is loaded on first use."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from graphc.errors import ArgumentError, DataError, MissingExtraError, ShapeError
from graphc.ops.window import is_channels_last

if TYPE_CHECKING:
    from PIL import Image as _pillow

Image: TypeAlias = "_pillow.Image"

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_DEEP = ("I;16", "I;16L", "I;16B", "I", "F")
_METHODS = {
    "nearest": "NEAREST", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "hamming": "HAMMING",
    "box": "BOX", "area": "BOX", "lanczos": "LANCZOS", "lanczos3": "LANCZOS",
}  # fmt: skip


def load_img(
    path: str | Path | BytesIO, color_mode: str = "rgb",
    target_size: Sequence[int] | None = None, interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:  # fmt: skip
    """The picture in a file, as Pillow's image, in grayscale, rgb or rgba.

    `target_size` (height, width) resizes it, by Pillow, which averages when it makes pictures
    smaller; with `keep_aspect_ratio` the largest part in the middle that has that form is resized.

    Raises:
        DataError: no such file, or no picture in it.
        ArgumentError: no such color_mode or interpolation.
    """
    pillow = _loaded()
    if color_mode not in _MODES:
        raise ArgumentError("no such color_mode", received=repr(color_mode),
                            expected=", ".join(_MODES))  # fmt: skip
    check_method(interpolation)
    try:
        with pillow.open(path) as file:
            image = _in_mode(file, _MODES[color_mode])
    except (OSError, ValueError) as error:
        raise DataError(f"the picture {path} cannot be read", received=str(error)) from None
    if target_size is None:
        return image
    height, width = (int(n) for n in target_size)
    form = "crop" if keep_aspect_ratio else "stretch"
    return resized(image, (height, width), interpolation, form)


def resized(image: Image, size: tuple[int, int], interpolation: str, form: str) -> Image:
    """A picture of another size (height, width).

    `form` says how it comes to the form of that size: stretch it, crop it to the largest part in
    the middle, or pad it with black.
    """
    pillow, (height, width) = _loaded(), size
    method = pillow.Resampling[_METHODS[interpolation]]
    if form != "pad":
        box = _middle(image.size, width / height) if form == "crop" else None
        return image.resize((width, height), method, box)
    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    whole = pillow.new(image.mode, (width, height))
    whole.paste(image.resize(inner, method), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return whole


def check_method(interpolation: str) -> None:
    """ArgumentError for an interpolation that Pillow has not."""
    if interpolation not in _METHODS:
        raise ArgumentError(
            "no such interpolation", received=repr(interpolation), expected=", ".join(_METHODS)
        )


def img_to_array(
    img: Image, data_format: str | None = None, dtype: str | None = None
) -> np.ndarray:
    """A picture as (height, width, channels), or (channels, height, width); float32 in 0 .. 255."""
    array = np.asarray(img, dtype or "float32")
    array = array[:, :, None] if array.ndim == 2 else array
    return array if is_channels_last(data_format) else np.moveaxis(array, -1, 0)


def array_to_img(
    x: object, data_format: str | None = None, scale: bool = True, dtype: str | None = None
) -> Image:
    """An array of three axes as a picture; with `scale` its smallest value is black, the largest
    white.

    Raises:
        ShapeError: not three axes, or a number of channels other than 1, 3 and 4.
    """
    array = np.asarray(x, dtype or "float32")
    if array.ndim != 3:
        raise ShapeError("a picture has three axes", received=array.shape)
    array = array if is_channels_last(data_format) else np.moveaxis(array, 0, -1)
    if array.shape[2] not in (1, 3, 4):
        raise ShapeError("a picture has 1, 3 or 4 channels", received=array.shape)
    if scale:
        array = array - min(array.min(), 0)
        most = array.max()
        array = array / most * 255 if most > 0 else array
    array = array[:, :, 0] if array.shape[2] == 1 else array
    # Pillow keeps grey values above 255 as whole numbers of 32 bits.
    deep = array.ndim == 2 and array.max() > 255
    return _loaded().fromarray(array.astype(np.int32 if deep else np.uint8))


def save_img(
    path: str | Path, x: object, data_format: str | None = None, file_format: str | None = None,
    scale: bool = True,
) -> None:  # fmt: skip
    """Write an array as a picture; the format follows from the name of the file if not given."""
    image = array_to_img(x, data_format, scale)
    jpeg = str(file_format or Path(path).suffix).lower().lstrip(".") in ("jpg", "jpeg")
    if jpeg and image.mode == "RGBA":
        image = image.convert("RGB")
    image.save(path, format="jpeg" if file_format == "jpg" else file_format)


def _loaded() -> ModuleType:
    try:
        from PIL import Image as pillow
    except ImportError:
        raise MissingExtraError(
            "Pillow is not installed", fix='pip install "graphc[vision]"'
        ) from None
    return pillow


def _in_mode(file: Image, mode: str) -> Image:
    """The picture in a mode; grey values of more than 8 bits stay as they are."""
    return file.copy() if file.mode == mode or (mode == "L" and file.mode in _DEEP) else (
        file.convert(mode)
    )  # fmt: skip


def _middle(size: tuple[int, int], ratio: float) -> tuple[float, float, float, float]:
    """The largest box of width / height = ratio in the middle of a picture (width, height)."""
    width, height = min(size[0], size[1] * ratio), min(size[1], size[0] / ratio)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height
