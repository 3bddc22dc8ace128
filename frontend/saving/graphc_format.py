"""`.graphc`: a zip file of `model.json` and two files of safetensors; docs/saving.md describes it.

model.json             {"format", "version", "model", "form", "compile", "optimizer", "random"}
weights.safetensors    the weights by path
state.safetensors      the optimizer's variables, random counters, what layers remember
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from graphc.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    NotSupportedError,
    ShapeError,
    UnknownNameError,
)
from graphc.frontend.training.trained import Trained

from .archive import Archive, damage_of, damaged, open_archive, write_members
from .assigning import assign
from .atomic import write_atomically
from .forms import build, form_of
from .objects import Json, deserialize_keras_object, module_of, serialize_keras_object
from .paths import weights_by_path
from .registered import custom_object_scope, get_registered_name
from .room import room_for
from .tensors import decode, encode
from .traced import describe, needs_code
from .training import (
    optimizer_state,
    random_state,
    restore_optimizer_state,
    restore_random_state,
)

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

FORMAT, VERSION = "graphc model", 1
Document = dict[str, Json]


def write(model: Model, path: Path) -> None:
    """Write the whole model."""
    random, counters = random_state(model)
    optimizer, variables = optimizer_state(model)
    document: Document = {
        "format": FORMAT,
        "version": VERSION,
        "model": _description(model),
        "traced": describe(model) if needs_code(model) else None,
        "form": form_of(model),
        "compile": serialize_keras_object(model.get_compile_config() or None),
        "optimizer": optimizer,
        "random": random,
    }
    weights = {p: v.numpy() for p, v in weights_by_path(model).items()}
    members = {
        "model.json": json.dumps(document, indent=1).encode(),
        "weights.safetensors": encode(weights),
        "state.safetensors": encode({**variables, **counters}),
    }
    write_atomically(path, lambda file: write_members(file, members))


def read(
    path: Path, custom_objects: Mapping[str, object] | None, compiled: bool, random_state: bool
) -> Model:
    """The model of a file.

    Raises:
        DataError: a damaged file, or one of another kind.
        UnknownNameError: a class or function of one's own that this program did not register.
    """
    with open_archive(path) as archive, custom_object_scope(custom_objects), damage_of(path):
        document = read_document(archive)
        weights = decode(archive.read("weights.safetensors"), path)
        state = decode(archive.read("state.safetensors"), path)
        with room_for(sum(a.nbytes for a in weights.values())):
            model = _known_or_traced(document)
            if not model.built and document["form"] is not None:
                build(model, document["form"])
        assign(weights_by_path(model), weights, path.name)
        random = cast(Document, document["random"])
        restore_random_state(model, random, state, path.name, random_state)
        if compiled and document["compile"] is not None:
            compile_as(model, cast(Document, document["compile"]))
            if document["optimizer"] is not None:
                chosen = cast(Document, document["optimizer"])
                restore_optimizer_state(model, chosen, state, path.name)
    return model


def _description(model: Model) -> Json:
    """The class and its arguments; models of the user may have arguments that have no form."""
    try:
        return serialize_keras_object(model)
    except (ArgumentError, NotSupportedError):
        if module_of(type(model)) is not None:
            raise
        return {"class_name": get_registered_name(type(model)), "config": None}


def _known_or_traced(document: Document) -> Model:
    """The model as its class, or as the graphs that the file holds where that is not known."""
    try:
        return model_of(document["model"])
    except UnknownNameError:
        traced = document.get("traced")
        if not isinstance(traced, Mapping):
            raise
        config = {"name": _name(document["model"]), "description": traced}
        return model_of({"module": "models", "class_name": "Restored", "config": config})


def _name(description: Json) -> Json:
    config = description.get("config") if isinstance(description, Mapping) else None
    return config.get("name") if isinstance(config, Mapping) else None


def restore(model: Model, path: Path) -> None:
    """Give a model that is built and compiled all that training had changed when it was written.

    Raises:
        DataError: a damaged file, or one of another model.
    """
    with open_archive(path) as archive, damage_of(path):
        document = read_document(archive)
        weights = decode(archive.read("weights.safetensors"), path)
        state = decode(archive.read("state.safetensors"), path)
        assign(weights_by_path(model), weights, path.name)
        random = cast(Document, document["random"])
        restore_random_state(model, random, state, path.name, whole_process=False)
        if document["optimizer"] is not None and model.optimizer is not None:
            chosen = cast(Document, document["optimizer"])
            restore_optimizer_state(model, chosen, state, path.name)


def model_of(description: Json) -> Model:
    """The model of a description, with weights that are still to be filled.

    Raises:
        DataError: no model is described, or one that cannot be made.
        UnknownNameError: a class or function that this program does not know.
    """
    with _made_of("model"):
        found = deserialize_keras_object(description)
    if not isinstance(found, Trained):
        raise DataError("the file describes no model", received=type(found).__name__)
    return cast("Model", found)


def compile_as(model: Model, told: Mapping[str, object]) -> None:
    """Compile as a file says; errors are those of `model_of`."""
    with _made_of("training"):
        model.compile_from_config(told)


@contextmanager
def _made_of(what: str) -> Iterator[None]:
    """A description that no object can be made of is a damaged one."""
    try:
        yield
    except (ArgumentError, DTypeError, ShapeError) as error:
        raise DataError(
            f"the file describes a {what} that cannot be made",
            received=f"{error.problem}: {error.received}",
            fix="save the model again, or take another copy of the file",
        ) from error


def read_document(archive: Archive) -> Document:
    """The description in an archive, after a look at its version."""
    try:
        document = json.loads(archive.read("model.json"))
    except (ValueError, RecursionError) as error:
        raise damaged(archive.path, f"model.json is no JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise damaged(archive.path, "model.json describes no model")
    if document.get("version") != VERSION:
        raise DataError(
            f"{archive.path.name} is of another version of the format",
            received=document.get("version"),
            expected=VERSION,
            fix="use the version of graphc that wrote it",
        )
    keys = {"model", "form", "compile", "optimizer", "random"}
    if missing := keys - set(document):
        raise damaged(archive.path, f"model.json lacks {', '.join(sorted(missing))}")
    return cast(Document, document)
