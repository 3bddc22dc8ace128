"""Floating point operations of graphs: each op has a price or is free, and forms by hand."""

from __future__ import annotations

import pytest

from graphc.debug.flops import FLOPS, FREE, flops
from graphc.ir import dim
from graphc.ir.node import Tensor
from graphc.ops import FAMILIES, control, elementwise, index, nn, reduce
from graphc.ops.leaf import placeholder, zeros

B = dim.named("batch")
REGIONS = {control.scan_op, control.while_op, control.cond_op, control.call_op}


def image(*shape: dim.Size) -> Tensor:
    return placeholder(shape, name="image")


def test_every_op_has_one_price() -> None:
    ops = {op for family in FAMILIES.values() for op in family}
    assert set(FLOPS) | FREE | REGIONS == ops
    assert not set(FLOPS) & (FREE | REGIONS)


# fmt: off
FORMS = [
    (image(2, 3) @ zeros((3, 5)),                                          2 * 2 * 15),
    (image(B, 8, 8, 3) + 1.0,                                              B * 192),
    (nn.conv2d(image(B, 8, 8, 3), zeros((3, 3, 3, 16)), padding="same"),   B * 64 * 16 * 27 * 2),
    (nn.max_pool(image(1, 8, 8, 3), 2),                                    16 * 3 * 4),
    (reduce.sum(image(7, 5), axis=1),                                      35),
    (reduce.cumsum(image(7, 5), axis=1),                                   35),
    (elementwise.fma(image(3), image(3), image(3)),                        6),
    (elementwise.exp(image(0, 4)),                                         0),
    (image(4, 3).reshape((12,)),                                           0),
    (index.take(image(4, 3), [0, 2, 2]),                                   0),
    (control.scan(lambda c, _: (c @ zeros((3, 3)), None), zeros((2, 3)), length=10)[0], 360),
    (control.cond(image() < 1, lambda x: elementwise.exp(x) + x, elementwise.exp, image(2, 3)), 13),
]
# fmt: on


@pytest.mark.parametrize(("tensor", "expected"), FORMS)
def test_forms(tensor: Tensor, expected: dim.Size) -> None:
    assert flops(tensor) == expected


def test_each_node_counts_once() -> None:
    y = image(2, 3) @ zeros((3, 5))
    assert flops({"a": y, "b": [y, y + 1]}) == 60 + 10
