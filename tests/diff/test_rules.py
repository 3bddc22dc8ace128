"""Every rule of the table, at its own domain, to second order, in both modes of differentiation."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.diff.families import LOADED
from graphc.diff.rules import DERIVATIVES
from graphc.ir.node import Op
from graphc.ops import FAMILIES, convert, elementwise

from .checking import check
from .samples import SAMPLES, Sample

PRIMITIVES = [op for ops in FAMILIES.values() for op in ops]
SMOOTH = [op for op in PRIMITIVES if DERIVATIVES[op].pull is not None]
ELEMENTWISE = [op for op in SMOOTH if op in elementwise.DOMAINS]


def points(op: Op, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Random inputs in the domain of an op, at least 0.05 from its kinks and from each other."""
    rng = np.random.default_rng(3)
    domain = elementwise.DOMAINS[op]
    arrays = [rng.uniform(a, b, shape) for a, b in domain.intervals]
    for x in arrays:
        for kink in domain.kinks:
            x[np.abs(x - kink) < 0.05] += 0.1
    if len(arrays) == 2:
        arrays[1] += 0.1 * (np.abs(arrays[0] - arrays[1]) < 0.05)
    if op is elementwise.where:
        arrays[0] = arrays[0] > 0
    return arrays


def test_every_op_has_one_rule() -> None:
    assert set(PRIMITIVES) == set(DERIVATIVES)
    assert len(LOADED) == len(FAMILIES)


def test_every_rule_is_tested() -> None:
    tested = {s.op for s in SAMPLES} | set(ELEMENTWISE) | {convert.cast_op}
    assert {op.name for op in SMOOTH} <= {op.name for op in tested}


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_elementwise(op: Op) -> None:
    check(op, points(op, (2, 3)))
    check(op, points(op, (1, 7)), seed=1, symbolic=True)


def name(sample: Sample) -> str:
    return f"{sample.op.name}: {sample.label}"


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_sample(sample: Sample) -> None:
    check(sample.call, sample.values)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.symbolic], ids=name)
def test_sample_of_unknown_sizes(sample: Sample) -> None:
    check(sample.call, sample.values, seed=1, symbolic=True, order=1)


def test_cast_between_floats() -> None:
    check(lambda x: convert.cast(convert.cast(x * x, "float64"), "float64") * 3, [np.ones((2, 3))])
