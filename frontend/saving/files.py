"""The ways in: which format a path means, and what may be written over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from graphc.errors import ArgumentError, DataError, ModeError

from . import graphc_format, keras_format, keras_h5
from .archive import open_archive
from .assigning import assign
from .atomic import write_atomically
from .paths import weights_by_path
from .tensors import decode, encode

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

MODELS = (".graphc", ".keras", ".h5", ".hdf5")
WEIGHTS = (".safetensors", ".weights.h5", ".h5", ".hdf5")


def save_model(model: Model, filepath: str | Path, overwrite: bool = True) -> None:
    """Write a whole model: what it is made of, weights, compile arguments, the optimizer's state.

    Raises:
        ArgumentError: a suffix that means no format, or a file that is there already while
            `overwrite` is False.
        DataError: the file cannot be written.
    """
    place = Path(filepath)
    suffix = _suffix(place, MODELS)
    _may_write(place, overwrite)
    match suffix:
        case ".graphc":
            graphc_format.write(model, place)
        case ".keras":
            keras_format.write(model, place)
        case _:
            keras_h5.write(model, place)


def load_model(
    filepath: str | Path, custom_objects: Mapping[str, object] | None = None,
    compile: bool = True,  # noqa: A002 - Keras calls it so
    safe_mode: bool = True,  # noqa: ARG001 - loading never runs code of a file
    *, random_state: bool = False,
) -> Model:  # fmt: skip
    """The model of a file; compiled, if it was and `compile` is True.

    `custom_objects` are classes and functions of one's own by name, besides those that
    `register_keras_serializable` knows. With `random_state` the random sequence of the whole
    process, from which unseeded layers and orders draw, goes on as when the file was written.

    Raises:
        DataError: no such file, a damaged one, or one that is not to be trusted.
        UnknownNameError: a class or function that this program does not know.
        ArgumentError: a suffix that means no format.
    """
    place = Path(filepath)
    suffix = _suffix(place, MODELS)
    _must_exist(place)
    if suffix == ".graphc":
        return graphc_format.read(place, custom_objects, compile, random_state)
    read = keras_format.read if suffix == ".keras" else keras_h5.read
    return read(place, custom_objects, compile)


def save_weights(model: Model, filepath: str | Path, overwrite: bool = True) -> None:
    """Write the weights alone, by path."""
    place = Path(filepath)
    suffix = _suffix(place, WEIGHTS)
    _may_write(place, overwrite)
    found = weights_by_path(model)
    if not found and not model.built:
        raise ModeError(
            f"{model.name} has no weights yet", fix="call the model once, or give an input_shape"
        )
    if suffix == ".weights.h5":
        keras_format.write_weights(model, place)
        return
    if suffix in (".h5", ".hdf5"):
        keras_h5.write_weights(model, place)
        return
    content = encode({p: v.numpy() for p, v in found.items()})
    write_atomically(place, lambda file: file.write(content))


def load_weights(model: Model, filepath: str | Path, skip_mismatch: bool = False) -> None:
    """Take the weights of a file, by path; with `skip_mismatch` those that fit.

    Raises:
        DataError: a damaged file, or other weights than those of the model.
        ModeError: the model is not built, so it has no weights yet.
    """
    place = Path(filepath)
    suffix = _suffix(place, (*WEIGHTS, *MODELS))
    _must_exist(place)
    if not model.built:
        raise ModeError(
            f"{model.name} has no weights yet, since the shape of its input is not known",
            fix="call the model once on data, give an input_shape, or use model.build(shape)",
        )
    if suffix in (".keras", ".weights.h5"):
        keras_format.load_weights(model, place, skip_mismatch)
        return
    if suffix in (".h5", ".hdf5"):
        keras_h5.load_weights(model, place, skip_mismatch)
        return
    if suffix == ".graphc":
        with open_archive(place) as archive:
            content = archive.read("weights.safetensors")
    else:
        content = place.read_bytes()
    assign(weights_by_path(model), decode(content, place), place.name, skip_mismatch)


def _suffix(path: Path, known: tuple[str, ...]) -> str:
    """The suffix that says the format."""
    found = next((s for s in known if path.name.lower().endswith(s)), None)
    if found is None:
        raise ArgumentError(
            "the suffix of a path says the format of the file",
            received=str(path),
            expected=", ".join(known),
            fix=f'write "{path.stem or "model"}{known[0]}"',
        )
    return found


def _may_write(path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise ArgumentError(
            "there is such a file already", received=str(path), fix="give overwrite=True"
        )


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise DataError("there is no such file", received=str(path))
