"""Objects as JSON and back: {"module", "class_name", "config", "registered_name"}, as in Keras.

`module` only says which kind of object it is (layers, losses, ...); the class comes from the tables
of the library or from what the program registered. Nothing is imported or run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard, cast

import numpy as np

from graphc.dtypes import DType
from graphc.errors import ArgumentError, DataError, GraphcError, UnknownNameError
from graphc.frontend import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from graphc.frontend.dtype_policy import DTypePolicy, policy_of
from graphc.frontend.layers.core import Lambda
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.registry import KNOWN
from graphc.frontend.lookup import Config, Configurable, entry_of, is_configurable
from graphc.frontend.optimizers import schedules
from graphc.frontend.seeds import SeedGenerator

from .registered import (
    custom_object_scope,
    get_registered_name,
    get_registered_object,
    is_registered,
)

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Table = Mapping[str, object]

# What Python calls functions without a name.
LAMBDA = "<lambda>"
# Which names there are in each module; several modules have a MeanSquaredError.
TABLES: dict[str, Table] = {
    "layers": KNOWN,
    "models": KNOWN,
    "optimizers": optimizers.BY_NAME,
    "schedules": schedules.BY_NAME,
    "losses": losses.BY_NAME,
    "metrics": metrics.BY_NAME,
    "initializers": initializers.BY_NAME,
    "regularizers": regularizers.BY_NAME,
    "constraints": constraints.BY_NAME,
    "activations": activations.BY_NAME,
    "dtype_policies": {"DTypePolicy": DTypePolicy},
    "random": {"SeedGenerator": SeedGenerator},
}
# Modules that lie in others.
_PLACES = {"schedules": "optimizers.schedules"}


def serialize_keras_object(obj: object) -> Json:
    """An object as JSON: numbers and texts are themselves, objects what `get_config` says.

    >>> made = serialize_keras_object(regularizers.L2(0.5))
    >>> made["class_name"], made["config"]
    ('L2', {'l2': 0.5})

    Raises:
        ArgumentError: a lambda, or an object without `get_config`.
    """
    if isinstance(obj, str | bool | int | float | None):
        return _checked(obj)
    if isinstance(obj, list | tuple):
        return [serialize_keras_object(entry) for entry in obj]
    if isinstance(obj, Mapping):
        return {str(name): serialize_keras_object(entry) for name, entry in obj.items()}
    if isinstance(obj, np.generic | np.ndarray | DType | DTypePolicy | slice):
        return _value(obj)
    if is_configurable(obj):
        return _object(obj)
    if callable(obj):
        return _function(obj)
    raise ArgumentError(
        "an object that has no form in files",
        received=repr(obj),
        fix="give its class get_config and from_config",
    )


def deserialize_keras_object(
    config: Json, custom_objects: Mapping[str, object] | None = None
) -> object:
    """The object that `serialize_keras_object` described.

    >>> deserialize_keras_object({"class_name": "L2", "config": {"l2": 0.5}})
    L2(l2=0.5)

    Raises:
        UnknownNameError: a class or function that is neither known nor registered.
        DataError: a description that does not fit its class.
    """
    with custom_object_scope(custom_objects):
        return _made(config)


# ---------------------------------------------------------------------------- writing


def _checked(value: str | float | None) -> Json:
    """The value itself, unless it is what is left of a function without a name."""
    if value == LAMBDA:
        raise unnamed("a lambda")
    return value


def _value(value: np.generic | np.ndarray | DType | DTypePolicy | slice) -> Json:
    """A value that JSON does not know."""
    match value:
        case np.generic():
            return cast(Json, value.item())
        case np.ndarray():
            return _named("__numpy__", {"value": value.tolist(), "dtype": value.dtype.name})
        case DType():
            return value.name
        case DTypePolicy():
            return _described("dtype_policies", "DTypePolicy", {"name": value.name}, None)
    parts = {"start": value.start, "stop": value.stop, "step": value.step}
    return _named("__slice__", {n: serialize_keras_object(v) for n, v in parts.items()})


def _object(obj: Configurable) -> Json:
    kind = type(obj)
    if isinstance(obj, Lambda):
        _function(obj.function)
    name = obj.name_of_kind() if isinstance(obj, Layer) else kind.__name__
    config = serialize_keras_object(obj.get_config())
    registered = get_registered_name(kind) if is_registered(kind) else None
    return _described(None if registered else module_of(kind), name, config, registered)


def _function(function: Callable[..., object]) -> Json:
    if is_registered(function):
        name = get_registered_name(function)
        return _described(None, "function", name, name)
    tables = (activations.BY_NAME, losses.tables.FUNCTIONS)
    known = next((n for table in tables for n, f in table.items() if f is function), None)
    name = known or get_registered_name(function)
    if name == LAMBDA:
        raise unnamed(repr(function))
    return _described("builtins", "function", name, "function")


def unnamed(what: str) -> ArgumentError:
    """The error for a function that no file can name."""
    return ArgumentError(
        "a Python function is not written into files",
        received=what,
        fix="define it by `def` and register it with @gx.saving.register_keras_serializable(), "
        "or make it a layer class with a `call`",
    )


def _described(module: str | None, name: str, config: Json, registered: str | None) -> Json:
    place = None if module is None else f"graphc.{_PLACES.get(module, module)}"
    return {
        "module": place if module != "builtins" else module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def _named(name: str, config: Json) -> Json:
    return {"class_name": name, "config": config}


def module_of(kind: type) -> str | None:
    """In which module of the library a class is called by its name; None for the user's."""
    return next((m for m, table in TABLES.items() if kind in table.values()), None)


# ---------------------------------------------------------------------------- reading


def is_description(config: object) -> TypeGuard[dict[str, Json]]:
    """Whether it is a table with a class and its arguments."""
    return isinstance(config, dict) and "class_name" in config and "config" in config


def _made(config: Json) -> object:
    if isinstance(config, list):
        return [_made(entry) for entry in config]
    if not isinstance(config, dict):
        return config
    if not is_description(config):
        return {name: _made(entry) for name, entry in config.items()}
    name, inner = str(config["class_name"]), config["config"]
    if name.startswith("__"):
        return _special(name, inner)
    if name == "function":
        return _function_of(str(inner), config)
    kind = _class_of(name, config)
    if not isinstance(kind, type):
        return kind
    if not isinstance(inner, dict | None):
        raise DataError(f"the arguments of {name} are no table", received=repr(inner))
    return constructed(kind, inner or {})


def constructed(kind: type, config: Config) -> object:
    """An object of a class from its config.

    Raises:
        DataError: the class does not take these arguments.
    """
    if kind is DTypePolicy:
        return policy_of(str(config.get("name")))
    make = cast("Callable[[Config], object] | None", getattr(kind, "from_config", None))
    try:
        return make(dict(config)) if make else kind(**config)
    except GraphcError:
        raise
    except Exception as error:
        raise DataError(
            f"{kind.__name__} cannot be made from its description",
            received=f"{config} ({type(error).__name__}: {error})",
            fix="check that the class is the one that was saved, and that its from_config takes "
            "what its get_config gives",
        ) from error


def _special(name: str, inner: Json) -> object:
    if isinstance(inner, dict):
        if name in ("__numpy__", "__tensor__"):
            return np.asarray(inner.get("value"), np.dtype(str(inner.get("dtype"))))
        if name == "__slice__":
            parts = (cast("int | None", inner.get(n)) for n in ("start", "stop", "step"))
            return slice(*parts)
    if name == "__lambda__":
        raise DataError(
            "the file holds a Python function as machine code, which is never run",
            fix="define the function by `def`, register it with "
            "@gx.saving.register_keras_serializable(), and save the model again",
        )
    raise DataError("the file describes an object of an unknown kind", received=name)


def _class_of(name: str, config: Mapping[str, Json]) -> object:
    """The class of that name: one of the user's, or one of the library's in that module."""
    registered = config.get("registered_name")
    for known in (registered, name):
        if isinstance(known, str) and (own := get_registered_object(known)) is not None:
            return own
    parts = str(config.get("module") or "").split(".")
    tables = [TABLES[p] for p in reversed(parts) if p in TABLES] or list(TABLES.values())
    found = next((f for f in (entry_of(t, name) for t in tables) if f is not None), None)
    if found is None:
        raise _unknown("class", str(registered or name))
    return found


def _function_of(name: str, config: Mapping[str, Json]) -> object:
    registered = config.get("registered_name")
    for known in (registered, name):
        if isinstance(known, str) and (own := get_registered_object(known)) is not None:
            return own
    for table in (activations.BY_NAME, losses.tables.FUNCTIONS):
        if name in table:
            return table[name]
    raise _unknown("function", name)


def _unknown(what: str, name: str) -> UnknownNameError:
    return UnknownNameError(
        f"the file names a {what} that this program does not know",
        received=repr(name),
        fix=f"import or define it, and register it with @gx.saving.register_keras_serializable() "
        f'or give custom_objects={{"{name.rpartition(">")[2]}": ...}}; nothing is loaded by name',
    )
