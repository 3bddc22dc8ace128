"""How TensorFlow prints tensors and variables; attached to our own while its names are in use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.ir.node import Tensor, made_so_far
from graphc.ops.variable import Variable


def text(x: Tensor) -> str:
    """What print shows: tf.Tensor([1 2 4], shape=(3,), dtype=int32).

    >>> from graphc.ops import leaf
    >>> print(text(leaf.constant([1, 2, 4])))
    tf.Tensor([1 2 4], shape=(3,), dtype=int32)
    """
    value = x.concrete()
    if value is None:
        return symbolic(x)
    return f"tf.Tensor({value!s}, shape={_shape(x)}, dtype={x.dtype})"


def representation(x: Tensor) -> str:
    """What the prompt shows: the shape, the dtype, and the value as NumPy would show it."""
    value = x.concrete()
    if value is None:
        return f"<tf.{symbolic(x)}>"
    return f"<tf.Tensor: shape={_shape(x)}, dtype={x.dtype}, numpy={_as_numpy(value)}>"


def symbolic(x: Tensor) -> str:
    """A tensor without a value: Tensor("Add_1:0", shape=(3,), dtype=int32)."""
    given = x.node.attrs.get("name")
    label = given if isinstance(given, str) else x.node.op.name.title().replace("_", "")
    serial = x.node.serial - _before.get(x.node.op.name, 0)
    number = f"_{serial}" if given is None and serial > 0 else ""
    return f'Tensor("{label}{number}:{x.index}", shape={_shape(x)}, dtype={x.dtype})'


def of_variable(x: Variable) -> str:
    """A variable: its name, shape, dtype and value."""
    shown = f"shape={_shape(x)} dtype={x.dtype}, numpy={_as_numpy(x.numpy())}"
    return f"<tf.Variable '{x.name}:0' {shown}>"


def formatted(x: Tensor, how: str) -> str:
    """A number in an f-string, as in f"{loss:.4f}"."""
    value = x.concrete()
    return format(value[()], how) if how and value is not None else str(x)


# fmt: off
_SHOWN: list[tuple[type[Tensor], str, Callable[..., object]]] = [
    (Tensor,   "__str__",    text),
    (Tensor,   "__repr__",   representation),
    (Tensor,   "__format__", formatted),
    (Tensor,   "get_shape",  lambda x: x.shape),
    (Variable, "__str__",    of_variable),
    (Variable, "__repr__",   of_variable),
    (Variable, "read_value", lambda x: x.for_eager()),
]
# fmt: on
_PLAIN = {(kind, name): vars(kind).get(name) for kind, name, _ in _SHOWN}


# How many nodes of each op there were when the names began.
_before: dict[str, int] = {}


def attach() -> None:
    """Print tensors so from now on; names of operations are counted from here."""
    _before.update(made_so_far())
    for kind, name, method in _SHOWN:
        setattr(kind, name, method)


def detach() -> None:
    """Print them as graphc does."""
    for (kind, name), method in _PLAIN.items():
        if method is not None:
            setattr(kind, name, method)
        elif name in vars(kind):
            delattr(kind, name)


def _shape(x: Tensor) -> str:
    sizes = [str(n) if isinstance(n, int) else "None" for n in x.shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _as_numpy(value: np.ndarray) -> str:
    return repr(value) if value.ndim else str(value[()])
