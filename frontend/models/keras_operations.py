"""Operations between layers as Keras's files name them: `keras.src.ops.numpy`, `Multiply`.

They become operations of tensors. What is set when an operation is made is in its config, what it
is applied to in the arguments of its call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from graphc.errors import NotSupportedError
from graphc.frontend.layers.registry import KNOWN
from graphc.frontend.saving.objects import Json
from graphc.ir.dim import Size
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, matmul, movement, reduce

Operation = Callable[..., object]
MODULE = "keras.src.ops."

# fmt: off
OPERATIONS: dict[str, Operation] = {
    "Add": elementwise.add,               "Subtract": elementwise.sub,
    "Multiply": elementwise.mul,          "Divide": elementwise.div,
    "TrueDivide": elementwise.div,        "FloorDivide": elementwise.floor_divide,
    "Mod": elementwise.remainder,         "Power": elementwise.pow,
    "Maximum": elementwise.maximum,       "Minimum": elementwise.minimum,
    "Negative": elementwise.neg,          "Absolute": elementwise.abs,
    "Abs": elementwise.abs,               "Sign": elementwise.sign,
    "Exp": elementwise.exp,               "Log": elementwise.log,
    "Sqrt": elementwise.sqrt,             "Rsqrt": elementwise.rsqrt,
    "Square": elementwise.square,         "Sin": elementwise.sin,
    "Cos": elementwise.cos,               "Tanh": elementwise.tanh,
    "Equal": elementwise.equal,           "NotEqual": elementwise.not_equal,
    "Less": elementwise.less,             "LessEqual": elementwise.less_equal,
    "Greater": elementwise.greater,       "GreaterEqual": elementwise.greater_equal,
    "LogicalAnd": elementwise.logical_and, "LogicalOr": elementwise.logical_or,
    "LogicalNot": elementwise.logical_not, "Where": elementwise.where,
    "Floor": elementwise.floor,           "Ceil": elementwise.ceil,
    "Log1p": elementwise.log1p,           "Expm1": elementwise.expm1,
    "Erf": elementwise.erf,               "StopGradient": elementwise.stop_gradient,
    "Matmul": matmul.matmul,              "Prod": reduce.prod,
    "Sum": reduce.sum,                    "Mean": reduce.mean,
    "Max": reduce.max,                    "Min": reduce.min,
    "Any": reduce.any,                    "All": reduce.all,
    "ExpandDims": movement.expand_dims,   "Squeeze": movement.squeeze,
    "Relu": activation.relu,              "Sigmoid": elementwise.sigmoid,
    "Softmax": activation.softmax,        "Softplus": activation.softplus,
    "Gelu": activation.gelu,              "Silu": activation.silu,
    "Reshape": lambda x, newshape: movement.reshape(x, _sizes(x, newshape)),
    "Transpose": lambda x, axes=None: movement.transpose(x, axes),
    "Einsum": lambda *xs, subscripts: matmul.einsum(subscripts, *xs),
    "Concatenate": lambda xs, axis=0: movement.concat(xs, axis),
    "Stack": lambda x, axis=0: movement.stack(x, axis),
    "Cast": lambda x, dtype: convert.cast(x, dtype),
    "GetItem": lambda x, key: x[key if not isinstance(key, list) else tuple(key)],
}
# fmt: on
# What configs have besides arguments.
_NO_ARGUMENTS = {"name", "trainable", "dtype"}


def operation_of(entry: Mapping[str, Json]) -> Operation | None:
    """The function of an entry that describes an operation; None for a layer.

    Raises:
        NotSupportedError: an operation that is not in the table.
    """
    name = str(entry["class_name"])
    if not _is_operation(name, entry):
        return None
    if name not in OPERATIONS:
        raise NotSupportedError(
            "the file has an operation between layers that is not read",
            received=name,
            expected=", ".join(OPERATIONS),
            fix="make it a layer in Keras, and save the model again",
        )
    config = cast("Mapping[str, Json]", entry.get("config") or {})
    kept = _NO_ARGUMENTS if name != "Cast" else {"name"}
    fixed = {n: v for n, v in config.items() if n not in kept and v is not None}

    def apply(*given: object, **named: object) -> object:
        return OPERATIONS[name](*given, **{**fixed, **named})

    return apply


def _is_operation(name: str, entry: Mapping[str, Json]) -> bool:
    """Whether an entry is no layer. Where no module is told, layers of that name take one list."""
    if "module" in entry:
        return str(entry["module"]).startswith(MODULE)
    calls = entry.get("inbound_nodes")
    first = calls[0] if isinstance(calls, list) and calls else None
    arguments = first.get("args") if isinstance(first, Mapping) else None
    several = isinstance(arguments, list) and len(arguments) > 1
    return name in OPERATIONS and (name not in KNOWN or several)


def _sizes(x: Tensor, shape: Sequence[int | None]) -> list[Size]:
    """A shape with the size of the batch in the place of the first unknown one."""
    return [x.shape[i] if s is None else s for i, s in enumerate(shape)]
