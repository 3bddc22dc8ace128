"""Multiply-adds of graphs: forms by hand, and models whose numbers are published."""

from __future__ import annotations

import pytest

from graphc.debug.count import multiply_adds
from graphc.diff.reverse import grad
from graphc.ir import dim
from graphc.ir.node import Tensor
from graphc.ops import control, nn, reduce
from graphc.ops.leaf import placeholder, zeros

B = dim.named("batch")


def image(*shape: dim.Size) -> Tensor:
    return placeholder(shape, name="image")


# fmt: off
FORMS = [
    (zeros((2, 3)) @ zeros((3, 5)),                                              30),
    (image(B, 7, 4) @ zeros((4, 6)),                                             B * 7 * 4 * 6),
    (nn.conv2d(image(B, 8, 8, 3), zeros((3, 3, 3, 16)), padding="same"),         B * 64 * 16 * 27),
    (nn.conv2d(image(1, 9, 9, 3), zeros((3, 3, 3, 16)), strides=2),              16 * 16 * 27),
    (nn.conv2d(image(1, 8, 8, 8), zeros((1, 1, 2, 12)), groups=4),               64 * 12 * 2),
    (nn.depthwise_conv2d(image(1, 8, 8, 8), zeros((3, 3, 8, 1)), padding="same"), 64 * 8 * 9),
    (nn.conv_transpose2d(image(1, 4, 4, 2), zeros((3, 3, 5, 2)), strides=2),     16 * 9 * 10),
    (control.scan(lambda c, _: (c @ zeros((3, 3)), None), zeros((2, 3)), length=10)[0], 180),
    (control.cond(image() < 1, lambda x: x @ zeros((3, 4)) @ zeros((4, 3)),
                               lambda x: x @ zeros((3, 3)), image(2, 3)),        48),
]
# fmt: on


@pytest.mark.parametrize(("tensor", "expected"), FORMS)
def test_forms(tensor: Tensor, expected: dim.Size) -> None:
    assert multiply_adds(tensor) == expected


def test_each_node_counts_once() -> None:
    y = zeros((2, 3)) @ zeros((3, 5))
    assert multiply_adds({"a": y, "b": [y, y + 1]}) == 30


def test_gradients_of_a_strided_convolution_cost_what_it_costs() -> None:
    x, w = image(2, 9, 9, 3), placeholder((3, 3, 3, 8), name="w")
    y = nn.conv2d(x, w, strides=2)
    forward = multiply_adds(y)
    dx, dw = grad(reduce.sum(y * y), [x, w])
    assert multiply_adds([y, dw]) == 2 * forward
    assert multiply_adds([y, dx]) == 2 * forward


def test_vgg16() -> None:
    """Simonyan and Zisserman 2014, configuration D: 15.47 billion at 224 x 224."""
    x = image(1, 224, 224, 3)
    for block in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for filters in block:
            kernel = zeros((3, 3, x.shape[-1], filters))
            x = nn.relu(nn.conv2d(x, kernel, padding="same"))
        x = nn.max_pool(x, 2)
    x = x.reshape((1, -1))
    for units in (4096, 4096, 1000):
        x = x @ zeros((x.shape[-1], units))
    assert multiply_adds(x) == 15_470_264_320
