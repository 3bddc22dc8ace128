"""Eager mode: every operation is computed as it is built, on the backend's own meaning of the op.

Eager tensors carry their graph, so derivatives work as in static mode. Layers, losses and models
that are called with plain arrays enter eager mode by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

from graphc import knobs
from graphc.ir.mode import evaluating_with, is_eager
from graphc.ir.node import Node
from graphc.target import backend

from .structure import has_symbolic

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def eager(target: str | None = None) -> Iterator[None]:
    """Compute everything built inside at once, on a backend (the one of the settings by default).

    >>> from graphc.ops import leaf
    >>> with eager("reference"):
    ...     print((leaf.constant([1, 2]) + 1).numpy().tolist())
    [2, 3]
    """
    runner = backend(target or knobs.standard_target())

    def evaluate(node: Node, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        return runner.evaluate_node(inputs, node)

    with evaluating_with(evaluate):
        yield


def eager_on_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function of tensors compute at once when it is called with arrays, lists or numbers.

    A call with a symbolic tensor is left as it is, so building graphs never computes by accident;
    tensors that were computed themselves count as arrays.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_eager() or has_symbolic((*args, *kwargs.values())):
            return function(*args, **kwargs)
        with eager():
            return function(*args, **kwargs)

    return run
