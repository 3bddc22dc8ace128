"""Activations by name, as layers take them; the functions are in graphc/ops/activation.py.

Called with arrays or lists they compute at once.

>>> from graphc.knobs import settings
>>> with settings(backend="reference"):
...     print(relu([-1.0, 2.0]).numpy())
[0. 2.]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from graphc.errors import ArgumentError
from graphc.frontend.saving.registered import get_registered_name
from graphc.ir.node import Tensor
from graphc.ops import activation, elementwise

from . import logits
from .eager import eager_on_arrays
from .lookup import Config, config_of, find, is_configurable

Activation = Callable[[Tensor], Tensor]

# fmt: off
linear       = eager_on_arrays(activation.linear)
relu         = eager_on_arrays(activation.relu)
relu6        = eager_on_arrays(activation.relu6)
leaky_relu   = eager_on_arrays(activation.leaky_relu)
elu          = eager_on_arrays(activation.elu)
selu         = eager_on_arrays(activation.selu)
celu         = eager_on_arrays(activation.celu)
gelu         = eager_on_arrays(activation.gelu)
silu         = eager_on_arrays(activation.silu)
mish         = eager_on_arrays(activation.mish)
glu          = eager_on_arrays(activation.glu)
sigmoid      = eager_on_arrays(logits.sigmoid)
log_sigmoid  = eager_on_arrays(activation.log_sigmoid)
hard_sigmoid = eager_on_arrays(activation.hard_sigmoid)
sparse_sigmoid = eager_on_arrays(activation.sparse_sigmoid)
hard_silu    = eager_on_arrays(activation.hard_silu)
tanh         = eager_on_arrays(elementwise.tanh)
hard_tanh    = eager_on_arrays(activation.hard_tanh)
arctan       = eager_on_arrays(elementwise.atan)
softmax      = eager_on_arrays(logits.softmax)
log_softmax  = eager_on_arrays(activation.log_softmax)
sparsemax    = eager_on_arrays(activation.sparsemax)
softplus     = eager_on_arrays(activation.softplus)
sparse_plus  = eager_on_arrays(activation.sparse_plus)
softsign     = eager_on_arrays(activation.softsign)
squareplus   = eager_on_arrays(activation.squareplus)
exponential  = eager_on_arrays(activation.exponential)
binary_step  = eager_on_arrays(activation.binary_step)
threshold    = eager_on_arrays(activation.threshold)
hard_shrink  = eager_on_arrays(activation.hard_shrink)
soft_shrink  = eager_on_arrays(activation.soft_shrink)
tanh_shrink  = eager_on_arrays(activation.tanh_shrink)
swish, hard_swish, identity = silu, hard_silu, linear

# The first name of a function is the one that configs have.
BY_NAME: dict[str, Activation] = {
    "linear": linear,            "identity": linear,
    "relu": relu,                "relu6": relu6,
    "leaky_relu": leaky_relu,    "elu": elu,
    "selu": selu,                "celu": celu,
    "gelu": gelu,                "silu": silu,
    "swish": silu,               "mish": mish,
    "sigmoid": sigmoid,          "log_sigmoid": log_sigmoid,
    "hard_sigmoid": hard_sigmoid, "hard_silu": hard_silu,
    "hard_swish": hard_silu,     "hard_tanh": hard_tanh,
    "tanh": tanh,                "arctan": arctan,
    "softmax": softmax,          "log_softmax": log_softmax,
    "sparsemax": sparsemax,      "softplus": softplus,
    "sparse_plus": sparse_plus,  "sparse_sigmoid": sparse_sigmoid,
    "softsign": softsign,        "squareplus": squareplus,
    "exponential": exponential,  "binary_step": binary_step,
    "glu": glu,                  "hard_shrink": hard_shrink,
    "soft_shrink": soft_shrink,  "tanh_shrink": tanh_shrink,
}
# fmt: on


def get(identifier: str | Activation | Config | None) -> Activation:
    """The activation of that name; a function stays itself, None is the identity.

    >>> get("relu") is relu, get(None) is linear
    (True, True)

    Raises:
        UnknownNameError: no activation of that name.
        ArgumentError: something that is no activation.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier)
    if not callable(identifier):
        raise ArgumentError(
            "not an activation", received=repr(identifier), expected="a name, a function"
        )
    return identifier


def name_of(function: Activation) -> str:
    """The name under which `get` finds the function; for a function of the user its own name."""
    core = {activation.softmax: softmax, elementwise.sigmoid: sigmoid}.get(function, function)
    known = (n for n, f in BY_NAME.items() if core in (f, vars(f)["__wrapped__"]))
    return next(known, None) or get_registered_name(function)


def serialize(activation: Activation) -> str | Config:
    """The name of a function; the config of an object that has one.

    >>> serialize(get("swish"))
    'silu'
    """
    if is_configurable(activation):
        return config_of(activation)
    return name_of(activation)


def deserialize(
    config: str | Config, custom_objects: Mapping[str, object] | None = None
) -> Activation:
    """What `serialize` described; `custom_objects` are the user's functions and classes."""
    table = {**BY_NAME, **(custom_objects or {})}
    if isinstance(config, str):
        return cast(Activation, find("activation", table, config))
    kind = find("activation", table, str(config.get("class_name")))
    if not isinstance(kind, type):
        return cast(Activation, kind)
    return cast(Activation, kind(**cast(dict[str, object], config.get("config", {}))))
