"""One step of training, testing or prediction as graph: what `Model.train_step` and its sisters do.

The same builders serve compiled functions and eager mode; running.py decides which. What changes is
announced as effects (frontend/effects.py), and collected by `updated`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np

from graphc.frontend import effects
from graphc.frontend.callbacks.callback import Logs
from graphc.ir.mode import collecting_assignments
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import convert
from graphc.ops.variable import Variable

Data = tuple[Tree[Tensor], ...]
Numbers = Tree[Tensor]
Updates = dict[Variable, Tensor]


def updated(step: Callable[[Data], object], *data: Tree[Tensor]) -> tuple[Numbers, Updates]:
    """The results of a step for inputs, targets and weights, and what variables become.

    Inside, a variable that was assigned stands for its new value.
    """
    with (
        effects.collecting_effects() as found,
        collecting_assignments(cast(dict[Tensor, Tensor], found.updates)),
    ):
        results = as_tensors(step(packed(*data)))
    return results, found.updates


def packed(*data: Tree[Tensor]) -> Data:
    """(x, y, weights), without what is missing at the end."""
    parts = list(data)
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    return tuple(parts)


def unpack_x_y_sample_weight(
    data: object,
) -> tuple[Tree[Tensor], Tree[Tensor], Tree[Tensor]]:
    """Inputs, targets and weights of what a step is given; None for what is missing.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    parts = list(data) if isinstance(data, tuple | list) else [data]
    x, y, weights = [*parts, None, None][:3]
    return cast("tuple[Tree[Tensor], Tree[Tensor], Tree[Tensor]]", (x, y, weights))


def as_tensors(results: object) -> Numbers:
    """What a step answered as tensors; numbers in it become constants."""
    if isinstance(results, Mapping):
        return {str(name): as_tensors(value) for name, value in results.items()}
    if isinstance(results, list | tuple):
        parts = [as_tensors(value) for value in results]
        return parts if isinstance(results, list) else tuple(parts)
    return None if results is None else convert.as_tensor(results)  # pyright: ignore


def as_logs(outputs: object) -> Logs:
    """The last row of all results, as numbers by name; those in dicts inside are by their own."""
    logs: Logs = {}
    given = outputs if isinstance(outputs, Mapping) else {"loss": outputs}
    for name, value in given.items():
        if isinstance(value, Mapping):
            logs |= as_logs(value)
        elif value is not None:
            logs[name] = as_number(cast(np.ndarray, value)[-1])
    return logs


def as_number(value: np.ndarray) -> float:
    """The shortest number that is this one in its dtype; metrics of several numbers stay arrays."""
    # 0.9 in float32 is 0.8999999761581421 in Python's floats.
    return float(str(value)) if np.ndim(value) == 0 else cast(float, value)
