"""Images in sheets: examples, filters, feature maps, heat over images, tables of confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphc.errors import ArgumentError, ModeError, ShapeError
from graphc.frontend.layers.layer import Layer
from graphc.frontend.metrics import confusion_matrix
from graphc.frontend.models.model import Model
from graphc.frontend.visualize.networks import LayerName, feature_model, layer_of
from graphc.frontend.visualize.receptive import receptive_field

from .figure import Path_, finished, grid_for, named, new_figure, panel, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CELL = 1.15


def plot_images(
    images: object, path: Path_ = None, *, titles: Sequence[object] | None = None,
    columns: int | None = None, cmap: str = "gray", same_range: bool = False,
) -> Figure:  # fmt: skip
    """A sheet of images (n, height, width) or (n, height, width, 1, 3 or 4).

    Numbers are stretched from black to white, for each image or (`same_range`) for all together;
    those of colour images within 0 .. 1, and uint8, stay as they are.
    """
    sheet = _images(images)
    if titles is not None and len(titles) != len(sheet):
        raise ShapeError("a title for each image", received=len(titles), expected=len(sheet))
    rows, columns = grid_for(len(sheet), columns, most=10)
    room = 0.22 if titles is not None else 0.0
    tall = _CELL * sheet.shape[1] / max(1, sheet.shape[2])
    figure = new_figure(_CELL * columns, (tall + room) * rows)
    limits = _range(sheet) if same_range else None
    for place, (image, title) in enumerate(zip(sheet, named(titles, len(sheet)))):
        low, high = limits or _range(image)
        if image.ndim == 3:
            image = _colours(image, low, high)
        picture(figure, (rows, columns), place, image, title, cmap=cmap, vmin=low, vmax=high)
    return finished(figure, path)


def plot_filters(
    layer: Layer, path: Path_ = None, *, channel: int | None = None, columns: int | None = None
) -> Figure:
    """The kernels of a 2-D convolution, a picture for each filter: red positive, blue negative.

    Kernels of three channels are shown in colours; of other numbers the mean over channels, or one
    `channel` of the input.

    Raises:
        ModeError: a layer without kernels (height, width, in, out), or one that is not built.
    """
    kernels = [w.numpy() for w in layer.weights if w.ndim == 4]
    if not kernels:
        raise ModeError(f"{layer.name} has no kernels of images", fix="build it, or take a Conv2D")
    kernel = np.moveaxis(kernels[0].astype(np.float64), -1, 0)
    if channel is None and kernel.shape[-1] == 3:
        return plot_images(kernel, path, columns=columns)
    if channel is not None and not 0 <= channel < kernel.shape[-1]:
        raise ArgumentError("no such channel", received=channel, expected=kernel.shape[-1])
    flat = kernel.mean(axis=-1) if channel is None else kernel[..., channel]
    rows, columns = grid_for(len(flat), columns)
    figure = new_figure(_CELL * columns, _CELL * rows)
    most = float(np.abs(flat).max()) or 1.0
    for place, image in enumerate(flat):
        picture(figure, (rows, columns), place, image, cmap="RdBu_r", vmin=-most, vmax=most)
    return finished(figure, path)


def plot_feature_maps(
    model: Model, image: object, layer: LayerName, path: Path_ = None, *,
    columns: int | None = None, most: int = 64,
) -> Figure:  # fmt: skip
    """What a layer answers to one image (height, width, channels), a picture for each channel."""
    given = np.asarray(image)[None]
    maps = feature_model(model, layer).predict(given, verbose=0)
    if not isinstance(maps, np.ndarray) or maps.ndim != 4:
        raise ModeError(f"{layer_of(model, layer).name} does not answer images")
    return plot_images(np.moveaxis(maps[0], -1, 0)[:most], path, columns=columns, cmap="viridis")


def plot_heat(
    images: object, heat: object, path: Path_ = None, *, titles: Sequence[object] | None = None,
    alpha: float = 0.55,
) -> Figure:  # fmt: skip
    """Maps of numbers over images: the images above, below the same under the colours of the maps.

    For what `saliency`, `grad_cam` and `occlusion` answer; maps may be smaller than the images.
    """
    sheet, maps = _images(images), np.asarray(heat, np.float64)
    if maps.ndim != 3 or len(maps) != len(sheet):
        raise ShapeError(
            "a map (height, width) for each image", received=maps.shape, expected=len(sheet)
        )
    figure = new_figure(1.5 * len(sheet), 3.2 if titles is None else 3.4)
    places, extent = (2, len(sheet)), (-0.5, sheet.shape[2] - 0.5, sheet.shape[1] - 0.5, -0.5)
    for n, (image, title) in enumerate(zip(sheet, named(titles, len(sheet)))):
        low, high = _range(image)
        shown = _colours(image, low, high) if image.ndim == 3 else image
        for row in (0, len(sheet)):
            axes = picture(figure, places, row + n, shown, "" if row else title, cmap="gray",
                           vmin=low, vmax=high).axes  # fmt: skip
        axes.imshow(maps[n], cmap="inferno", alpha=alpha, extent=extent)  # pyright: ignore
    return finished(figure, path)


def plot_confusion_matrix(
    y_true: object, y_pred: object, path: Path_ = None, *, names: Sequence[str] | None = None,
    normalize: bool = False,
) -> Figure:  # fmt: skip
    """How often each true class (rows) was taken for each class (columns).

    Predictions are class numbers, or a row of scores for each example. `normalize` shows shares of
    the true class.
    """
    truth, guess = (_class_numbers(y) for y in (y_true, y_pred))
    if truth.shape != guess.shape or not truth.size:
        raise ShapeError(
            "a prediction for each example", received=guess.shape, expected=truth.shape
        )
    count = len(names) if names else int(max(truth.max(), guess.max())) + 1
    matrix = np.asarray(confusion_matrix(truth, guess, count).numpy(), np.float64)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.where(totals == 0, 1, totals)
    shown = shares if normalize else matrix
    side = max(3.2, 0.45 * count + 1.4)
    figure = new_figure(side, side)
    axes = panel(figure, (1, 1), 0, "", "predicted", "true")
    axes.grid(visible=False)
    # Colours are shares, or a frequent class would hide the others.
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    labels = list(names) if names else [str(i) for i in range(count)]
    axes.set_xticks(range(count), labels, rotation=90 if max(map(len, labels)) > 3 else 0)
    axes.set_yticks(range(count), labels)
    for (i, j), value in np.ndenumerate(shown):
        text = f"{value:.2f}" if normalize else f"{int(value)}"
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, text if value else "", ha="center", va="center", fontsize=7, color=colour)
    return finished(figure, path)


def plot_receptive_field(
    model: Model, layer: LayerName, path: Path_ = None, *, place: tuple[int, int] | None = None
) -> Figure:
    """How strongly one place of a layer depends on each pixel of the image."""
    field = receptive_field(model, layer, place=place)
    figure = new_figure(3.6, 3.6)
    height, width = field.size
    title = f"{layer_of(model, layer).name} sees {height} x {width} pixels"
    picture(figure, (1, 1), 0, field.strength, title, cmap="inferno")
    return finished(figure, path)


def _images(value: object) -> np.ndarray:
    """Images (n, h, w) or (n, h, w, 3 or 4), at least one."""
    sheet = np.asarray(value)
    if sheet.ndim == 4 and sheet.shape[-1] == 1:
        sheet = sheet[..., 0]
    if not (sheet.ndim == 3 or (sheet.ndim == 4 and sheet.shape[-1] in (3, 4))) or not sheet.size:
        raise ShapeError(
            "this is no sheet of images",
            received=sheet.shape,
            expected="(n, height, width) or (n, height, width, 1, 3 or 4)",
        )
    return sheet


def _range(image: np.ndarray) -> tuple[float, float]:
    if image.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    return (low, high) if high > low else (low, low + 1.0)


def _colours(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Colours as matplotlib takes them: bytes, or floats from 0 to 1."""
    if image.dtype == np.uint8 or (image.min() >= 0 and image.max() <= 1):
        return image
    return (image - low) / (high - low)


def _class_numbers(y: object) -> np.ndarray:
    array = np.asarray(y)
    scores = array.ndim == 2 and array.shape[1] > 1
    return array.argmax(axis=1) if scores else array.reshape(-1).astype(np.int64)
