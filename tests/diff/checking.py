"""Checks of derivatives against float64 central differences, by the reference backend.

The cotangent is never 1: a wrong rule for tanh, ct * 1 - y * y, passes when it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc.backends.reference.evaluate import evaluate
from graphc.diff.forward import jvp
from graphc.diff.reverse import vjp
from graphc.ir.dim import fresh
from graphc.ir.node import Tensor
from graphc.ops import leaf

Function = Callable[..., Tensor | Sequence[Tensor]]
Arrays = list[np.ndarray]
STEP = 1e-5


def placeholders(values: Sequence[np.ndarray], symbolic: bool = False) -> list[Tensor]:
    """One input per array; symbolic ones have a size of their own for every axis longer than 1."""
    shapes = [[fresh() if symbolic and s > 1 else s for s in v.shape] for v in values]
    return [leaf.placeholder(s, v.dtype) for s, v in zip(shapes, values)]


def as_list(result: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def check(function: Function, values: Sequence[np.ndarray], seed: int = 0, symbolic: bool = False,
          order: int = 2, rtol: float = 2e-6) -> None:  # fmt: skip
    """vjp, jvp, their agreement, and (order 2) vjp and jvp of the vjp, at these inputs."""
    rng = np.random.default_rng(seed)
    inputs = placeholders(values, symbolic)
    outputs = [y for y in as_list(function(*inputs)) if y.dtype.is_float]
    feeds = dict(zip(inputs, values))
    cts = _like(rng, evaluate(outputs, feeds))
    flows = placeholders(cts)
    gradients = _check_once(rng, outputs, inputs, feeds | dict(zip(flows, cts)), flows, rtol)
    if order == 2:
        again = _like(rng, evaluate(gradients, feeds | dict(zip(flows, cts))))
        outer = placeholders(again)
        known = feeds | dict(zip(flows, cts)) | dict(zip(outer, again))
        _check_once(rng, gradients, [*inputs, *flows], known, outer, 10 * rtol)


def _check_once(rng: np.random.Generator, outputs: list[Tensor], inputs: list[Tensor],
                feeds: dict[Tensor, np.ndarray], cts: list[Tensor], rtol: float
                ) -> list[Tensor]:  # fmt: skip
    floats = [x for x in inputs if x.dtype.is_float]
    gradients = vjp(outputs, floats, cts)
    assert [g.dtype for g in gradients] == [x.dtype for x in floats]
    directions = _like(rng, [feeds[x] for x in floats])
    tangents = placeholders(directions)
    pushed = jvp(outputs, floats, tangents)
    known = feeds | dict(zip(tangents, directions))

    ahead = evaluate(outputs, _moved(feeds, floats, directions, STEP))
    behind = evaluate(outputs, _moved(feeds, floats, directions, -STEP))
    numeric = [(a - b) / (2 * STEP) for a, b in zip(ahead, behind)]
    symbolic = evaluate([*gradients, *pushed], known)
    pulled, pushed_values = symbolic[: len(gradients)], symbolic[len(gradients) :]
    for g, x in zip(pulled, floats):
        assert g.shape == feeds[x].shape

    for got, want in zip(pushed_values, numeric):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * _scale(numeric))
    by_cts, by_tangents = _dot(numeric, [feeds[c] for c in cts]), _dot(pulled, directions)
    size = 1 + _dot(map(np.abs, numeric), [np.abs(feeds[c]) for c in cts])
    np.testing.assert_allclose(by_tangents, by_cts, rtol=0, atol=rtol * size)
    exact = _dot(pushed_values, [feeds[c] for c in cts])
    np.testing.assert_allclose(by_tangents, exact, rtol=0, atol=1e-11 * size)
    return gradients


def _moved(feeds: dict[Tensor, np.ndarray], inputs: list[Tensor], directions: Arrays, step: float
           ) -> dict[Tensor, np.ndarray]:  # fmt: skip
    return feeds | {x: feeds[x] + step * d for x, d in zip(inputs, directions)}


def _like(rng: np.random.Generator, values: Sequence[np.ndarray]) -> Arrays:
    return [np.asarray(rng.uniform(0.5, 1.5, v.shape) * rng.choice([-1, 1], v.shape))
            for v in values]  # fmt: skip


def _dot(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    return sum(float(np.sum(x * y)) for x, y in zip(a, b))


def _scale(values: Arrays) -> float:
    return max([1.0, *(float(np.max(np.abs(v))) for v in values if v.size)])
