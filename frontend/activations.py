"""Activations by name, as layers take them; the functions are in graphc/ops/activation.py."""

from __future__ import annotations

from collections.abc import Callable

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import activation, elementwise

from .lookup import find

Activation = Callable[[Tensor], Tensor]

# fmt: off
BY_NAME: dict[str, Activation] = {
    "linear": activation.linear,            "identity": activation.linear,
    "relu": activation.relu,                "relu6": activation.relu6,
    "leaky_relu": activation.leaky_relu,    "elu": activation.elu,
    "selu": activation.selu,                "celu": activation.celu,
    "gelu": activation.gelu,                "silu": activation.silu,
    "swish": activation.swish,              "mish": activation.mish,
    "sigmoid": elementwise.sigmoid,         "log_sigmoid": activation.log_sigmoid,
    "hard_sigmoid": activation.hard_sigmoid, "hard_silu": activation.hard_silu,
    "hard_swish": activation.hard_silu,     "hard_tanh": activation.hard_tanh,
    "tanh": elementwise.tanh,               "arctan": elementwise.atan,
    "softmax": activation.softmax,          "log_softmax": activation.log_softmax,
    "sparsemax": activation.sparsemax,      "softplus": activation.softplus,
    "softsign": activation.softsign,        "squareplus": activation.squareplus,
    "exponential": activation.exponential,  "binary_step": activation.binary_step,
    "glu": activation.glu,                  "hard_shrink": activation.hard_shrink,
    "soft_shrink": activation.soft_shrink,  "tanh_shrink": activation.tanh_shrink,
}
# fmt: on


def get(given: str | Activation | None) -> Activation:
    """The activation of that name; a function stays itself, None is the identity.

    >>> get("relu") is activation.relu
    True
    """
    if given is None:
        return activation.linear
    if isinstance(given, str):
        return find("activation", BY_NAME, given)
    if not callable(given):
        raise ArgumentError("not an activation", received=repr(given), expected="a name, function")
    return given


def name_of(function: Activation) -> str:
    """The name under which `get` finds the function; for a function of the user its own name."""
    known = (name for name, entry in BY_NAME.items() if entry is function)
    return next(known, None) or str(vars(function).get("name", function))
