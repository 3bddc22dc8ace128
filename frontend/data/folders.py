"""Folders of pictures, one for each class, as batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from graphc.errors import ArgumentError, DataError
from graphc.frontend.image.files import Image, check_method, img_to_array, load_img, resized
from graphc.ops.window import layout

from .batches import Batches
from .labels import to_categorical
from .rows import ordered_rows

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_SUBSETS = ("training", "validation", "both")
_MODES = ("int", "categorical", "binary", None)


def image_dataset_from_directory(
    directory: str | Path, labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int", class_names: Sequence[str] | None = None,
    color_mode: str = "rgb", batch_size: int = 32, image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True, seed: int | None = None, validation_split: float | None = None,
    subset: str | None = None, interpolation: str = "bilinear", follow_links: bool = False,
    crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False,
    data_format: str | None = None, *, workers: int = 2, prefetch: int = 4,
) -> Batches | tuple[Batches, Batches]:  # fmt: skip
    """Batches of the pictures in a folder: float32 images in 0 .. 255 and their labels.

    `directory/a/1.png` has the label of class a; classes are numbered in the order of their names,
    which are `class_names` of the result. `label_mode` int gives (n,) int32, categorical one-hot
    vectors, binary (n, 1) float32, and None images alone. With `validation_split` the `subset` is
    training, validation, or both of them as a pair. Pictures are read by `workers` threads.

    Raises:
        DataError: no pictures there.
        ArgumentError: no such mode or subset, or shuffled subsets without a seed.
    """
    _check(label_mode, validation_split, subset, shuffle, seed)
    check_method(interpolation)
    files, numbers, names = _index(Path(directory), labels, class_names, follow_links)
    targets = None if labels is None else _targets(numbers, label_mode, len(names))
    size = (int(image_size[0]), int(image_size[1]))
    form = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"

    def picture(file: Path) -> Image:
        return resized(load_img(file, color_mode), size, interpolation, form)

    load = partial(_example, files, targets, picture, layout(data_format))
    order = ordered_rows(len(files), shuffle and validation_split is not None, seed)
    border = len(files) - int(len(files) * (validation_split or 0))

    def part(rows: np.ndarray) -> Batches:
        made = Batches.of_function(
            lambda i: load(int(rows[i])), len(rows), batch_size=batch_size, shuffle=shuffle,
            seed=seed, workers=workers, prefetch=prefetch,
        )  # fmt: skip
        made.class_names = list(names)
        return made

    match subset:
        case "training":
            return part(order[:border])
        case "validation":
            return part(order[border:])
        case "both":
            return part(order[:border]), part(order[border:])
    return part(order)


def _index(
    directory: Path, labels: str | Sequence[int] | None, class_names: Sequence[str] | None,
    follow_links: bool,
) -> tuple[list[Path], np.ndarray, list[str]]:  # fmt: skip
    """The pictures, their class numbers, the names of the classes."""
    if not directory.is_dir():
        raise DataError("there is no such folder", received=str(directory))
    folders = sorted(p.name for p in directory.iterdir() if p.is_dir())
    names = list(class_names or folders) if labels == "inferred" else []
    if set(names) - set(folders):
        raise ArgumentError(
            "class_names are names of folders", received=names, expected=", ".join(folders)
        )
    places = [directory / name for name in names] if labels == "inferred" else [directory]
    found = [(file, n) for n, place in enumerate(places) for file in _pictures(place, follow_links)]
    if not found:
        raise DataError(
            f"there are no pictures in {directory}",
            expected=f"files *{', *'.join(FORMATS)} in one folder per class",
        )
    files, numbers = [file for file, _ in found], np.array([n for _, n in found])
    if labels is None or isinstance(labels, str):
        return files, numbers, names
    if len(labels) != len(files):
        raise ArgumentError(
            "labels are one number per picture", received=len(labels), expected=len(files)
        )
    return files, np.asarray(labels), [str(n) for n in range(int(max(labels)) + 1)]


def _pictures(place: Path, follow_links: bool) -> list[Path]:
    """All pictures below a folder, in the order of their names."""
    files = (p for p in sorted(place.rglob("*")) if p.suffix.lower() in FORMATS and p.is_file())
    return [p for p in files if follow_links or not p.is_symlink()]


def _targets(numbers: np.ndarray, label_mode: str | None, classes: int) -> np.ndarray | None:
    match label_mode:
        case "int":
            return numbers.astype(np.int32)
        case "categorical":
            return to_categorical(numbers, classes)
        case "binary":
            if classes > 2:
                raise ArgumentError("binary labels have two classes", received=classes)
            return numbers.astype(np.float32)[:, None]
    return None


def _example(
    files: Sequence[Path], targets: np.ndarray | None, load: Callable[[Path], Image],
    data_format: str, i: int,
) -> object:  # fmt: skip
    image = img_to_array(load(files[i]), data_format)
    return image if targets is None else (image, targets[i])


def _check(
    label_mode: str | None, split: float | None, subset: str | None, shuffle: bool, seed: int | None
) -> None:
    if label_mode not in _MODES:
        raise ArgumentError("no such label_mode", received=repr(label_mode),
                            expected=", ".join(map(repr, _MODES)))  # fmt: skip
    if (split is None) != (subset is None) or (subset is not None and subset not in _SUBSETS):
        raise ArgumentError(
            "validation_split and subset are given together",
            received=f"validation_split={split}, subset={subset!r}",
            expected=f"a fraction, and one of {', '.join(_SUBSETS)}",
        )
    if split is not None and not 0 < split < 1:
        raise ArgumentError("validation_split is between 0 and 1", received=split)
    if split is not None and shuffle and seed is None:
        raise ArgumentError(
            "both subsets are shuffled alike only with a seed",
            fix="give seed=..., or shuffle=False",
        )
