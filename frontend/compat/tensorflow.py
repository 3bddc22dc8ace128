"""tensorflow: eager tensors, tapes and Keras by TensorFlow's names; `NAMESPACE` is the module.

Importing it makes eager execution the standard of the process. Names that are not here are errors
that say what is near.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from graphc import dtypes
from graphc.diff.custom import custom_gradient
from graphc.ir.node import Tensor

from . import keras, mode, sessions, tables, tracing, values
from .names import Namespace, by_name
from .tape import GradientTape

_DATA = "give arrays, or a generator of batches, to model.fit; loops may use zip and slices"
_FILES = "there are no files and graphs of TensorFlow here; model.save writes what load_model reads"
_TEXTS = "tensors hold numbers; keep texts in Python's lists"

DTYPES: dict[str, object] = {
    "float16": dtypes.float16, "bfloat16": dtypes.bfloat16, "float32": dtypes.float32,
    "float64": dtypes.float64, "int8": dtypes.int8, "int16": dtypes.int16,
    "int32": dtypes.int32, "int64": dtypes.int64, "uint8": dtypes.uint8,
    "uint16": dtypes.uint16, "uint32": dtypes.uint32, "uint64": dtypes.uint64,
    "bool": dtypes.bool_, "half": dtypes.float16, "double": dtypes.float64,
}  # fmt: skip


class UnconnectedGradients:
    """What a tape answers for a source that nothing depends on."""

    NONE, ZERO = "none", "zero"


def name_scope(name: str) -> nullcontext[str]:
    """Nothing: nodes get their names from their ops and from where they were made."""
    return nullcontext(name)


def devices(device_type: str | None = None) -> list[str]:
    """The devices that compute: one CPU."""
    return ["/physical_device:CPU:0"] if device_type in (None, "CPU") else []


def _nothing(*args: object, **kwargs: object) -> None:
    """Accept what needs no setting here."""


def custom(function: Callable[..., object]) -> Callable[..., object]:
    """tf.custom_gradient: `function(*inputs)` answers its result and a function of the gradient."""
    return custom_gradient(function)  # pyright: ignore


_NAMESPACES = {
    "math": tables.MATH, "nn": tables.NN, "linalg": tables.LINALG, "random": tables.RANDOM,
    "image": tables.IMAGE,
    "dtypes": DTYPES | {"cast": tables.TOP["cast"], "as_dtype": dtypes.as_dtype},
    "config": {
        "list_physical_devices": devices, "list_logical_devices": devices,
        "run_functions_eagerly": tracing.run_functions_eagerly, "set_visible_devices": _nothing,
    },
    "test": {"is_gpu_available": lambda: False, "is_built_with_cuda": lambda: False},
    "debugging": {"set_log_device_placement": _nothing, "enable_check_numerics": _nothing},
    "autograph": {"set_verbosity": _nothing},
    "errors": {"InvalidArgumentError": ValueError, "OutOfRangeError": IndexError},
}  # fmt: skip

_modules = {n: Namespace(f"tensorflow.{n}", dict(table)) for n, table in _NAMESPACES.items()}
_v1 = Namespace(
    "tensorflow.compat.v1", {**tables.TOP, **DTYPES, **sessions.TABLE, "keras": keras.NAMESPACE}
)
_keras = keras.NAMESPACE
# The short ways to modules of Keras that TensorFlow has.
_short = by_name(_keras, "initializers losses metrics optimizers")

TABLE: dict[str, object] = {
    **tables.TOP, **DTYPES, **_modules, **_short,
    "keras": _keras,
    "compat": Namespace("tensorflow.compat", {"v1": _v1}),
    "Tensor": Tensor, "GradientTape": GradientTape, "UnconnectedGradients": UnconnectedGradients,
    "DType": dtypes.DType, "as_dtype": dtypes.as_dtype, "TensorShape": tuple,
    "function": tracing.traced, "custom_gradient": custom,
    "executing_eagerly": mode.executing_eagerly,
    "identity": values.as_tensor, "name_scope": name_scope, "device": name_scope,
    "print": print, "group": _nothing, "no_op": _nothing, "newaxis": None,
    "__version__": "2.20.0",
}  # fmt: skip

_ELSEWHERE = {
    "data": _DATA,
    "saved_model": _FILES,
    "train": _FILES,
    "io": _FILES,
    "summary": _FILES,
    "lite": _FILES,
    "string": _TEXTS,
    "strings": _TEXTS,
    "layers": "layers are tensorflow.keras.layers since TensorFlow 2",
    "Session": "values are there at once; tensorflow.compat.v1 has sessions",
    "placeholder": "values are there at once; tensorflow.compat.v1 has placeholders",
    "global_variables_initializer": "variables have their values from the beginning",
    "distribute": "gx.all_reduce is the sum over processes; there are no strategies",
}

NAMESPACE = Namespace("tensorflow", TABLE, __doc__ or "", _ELSEWHERE)

mode.start()
