"""Eager execution as the standard of the process, as TensorFlow's users expect it.

Importing graphc.compat.tensorflow starts it. `running` is for those who want it for a while only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from graphc import knobs
from graphc.ir.mode import STANDARD
from graphc.ir.node import Node, Tensor
from graphc.ops import leaf
from graphc.target import backend

from . import printing
from .tape import recording

# Compiling these pays off at once; all other nodes are cheaper in NumPy, which compiles nothing.
_NATIVE = {"conv", "window_reduce"}
_LARGE = 1 << 16


def start() -> None:
    """Compute every operation at once, and print tensors as TensorFlow does."""
    STANDARD.evaluate, STANDARD.keep = _evaluate, _kept
    printing.attach()


def build_only() -> None:
    """Build graphs only, and print tensors as TensorFlow does."""
    STANDARD.evaluate, STANDARD.keep = None, None
    printing.attach()


def stop() -> None:
    """Build graphs only, and print tensors, as graphc does by itself."""
    build_only()
    printing.detach()


@contextmanager
def running() -> Iterator[None]:
    """Have it inside, whatever is outside."""
    before = STANDARD.evaluate
    start()
    try:
        yield
    finally:
        if before is None:
            stop()


def executing_eagerly() -> bool:
    """Whether it is the standard now."""
    return STANDARD.evaluate is not None


def _evaluate(node: Node, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    large = node.op.name in _NATIVE and sum(a.size for a in inputs) >= _LARGE
    return backend(knobs.standard_target() if large else "reference").evaluate_node(inputs, node)


def _kept(node: Node, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """With its graph while a tape records, else a value and nothing more."""
    tapes = recording()
    for tape in tapes:
        tape.record(node)
    values = [t.concrete() for t in outputs]
    if tapes or not node.inputs or any(v is None for v in values):
        return outputs
    return tuple(leaf.eager_leaf(v) for v in values if v is not None)
