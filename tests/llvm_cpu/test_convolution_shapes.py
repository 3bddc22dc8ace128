"""Convolutions of known networks and random ones, with both gradients, against float64.

Bound: 2e-5 of the largest result, which also holds where products are transformed (Winograd).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from graphc import compiler
from graphc.diff.reverse import grad
from graphc.ops import leaf, nn, reduce

RELATIVE = 2e-5
LARGEST_IMAGE = 56


@dataclass(frozen=True)
class Shape:
    """A convolution of images of `height` x `width`; the same taps, stride, pad in both axes."""

    height: int
    width: int
    inputs: int
    outputs: int
    taps: tuple[int, int]
    stride: int = 1
    pad: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        return (*self.taps, self.inputs // self.groups, self.outputs)

    def result(self, size: int, taps: int) -> int:
        return (size + 2 * self.pad - self.dilation * (taps - 1) - 1) // self.stride + 1


# ---------------------------------------------------------------------------- which


def square(size: int, inputs: int, outputs: int, taps: int, stride: int = 1) -> Shape:
    """A convolution of a network; larger images hold no other edges."""
    size = min(size, LARGEST_IMAGE)
    return Shape(size, size, inputs, outputs, (taps, taps), stride, taps // 2)


def resnet50() -> Iterator[Shape]:
    yield square(224, 3, 64, 7, 2)
    size, inputs = 56, 64
    for filters, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        small = size // stride
        yield square(size, inputs, filters, 1)
        yield square(size, filters, filters, 3, stride)
        yield square(small, filters, 4 * filters, 1)
        yield square(size, inputs, 4 * filters, 1, stride)
        yield square(small, 4 * filters, filters, 1)
        yield square(small, filters, filters, 3)
        size, inputs = small, 4 * filters


def vgg16() -> Iterator[Shape]:
    inputs = 3
    for size, filters in ((224, 64), (112, 128), (56, 256), (28, 512), (14, 512)):
        yield square(size, inputs, filters, 3)
        yield square(size, filters, filters, 3)
        inputs = filters


INCEPTIONS = (  # size, inputs; 1x1; 1x1 then 3x3; 1x1 then 5x5; pool then 1x1
    (28, 192, 64, 96, 128, 16, 32, 32), (28, 256, 128, 128, 192, 32, 96, 64),
    (14, 480, 192, 96, 208, 16, 48, 64), (14, 512, 160, 112, 224, 24, 64, 64),
    (14, 512, 128, 128, 256, 24, 64, 64), (14, 512, 112, 144, 288, 32, 64, 64),
    (14, 528, 256, 160, 320, 32, 128, 128), (7, 832, 256, 160, 320, 32, 128, 128),
    (7, 832, 384, 192, 384, 48, 128, 128),
)  # fmt: skip


def googlenet() -> Iterator[Shape]:
    yield from (square(56, 64, 64, 1), square(56, 64, 192, 3))
    for size, inputs, one, before3, three, before5, five, after in INCEPTIONS:
        yield from (square(size, inputs, n, 1) for n in (one, before3, before5, after))
        yield from (square(size, before3, three, 3), square(size, before5, five, 5))


NETWORKS = list(dict.fromkeys([*resnet50(), *vgg16(), *googlenet()]))


def random_shape(seed: int) -> Shape:
    """Any convolution of at most some million products per image whose result is not empty."""
    random = np.random.default_rng([seed, 7])

    def pick(*values: int) -> int:
        return int(random.choice(values))

    while True:
        groups = pick(1, 1, 1, 2, 3, 8)
        depth = pick(1, 1, 2, 3, 5, 8, 16, 17, 31, 40)
        made = Shape(
            height=int(random.integers(1, 40)),
            width=int(random.integers(1, 40)),
            inputs=groups * depth,
            outputs=groups * pick(1, 2, 3, 7, 10, 16, 33, 64, 70),
            taps=(pick(1, 2, 3, 3, 5, 7), pick(1, 2, 3, 3, 5, 7)),
            stride=pick(1, 1, 2, 3),
            pad=pick(0, 0, 1, 2, 3),
            dilation=pick(1, 1, 1, 2, 3),
            groups=groups,
        )
        if pick(0, 0, 0, 1):
            made = replace(made, inputs=groups, outputs=groups * pick(1, 2))
        size = np.prod(made.kernel) * made.height * made.width
        sides = zip((made.height, made.width), made.taps)
        if size <= 4e6 and all(made.result(*side) > 0 for side in sides):
            return made


# ---------------------------------------------------------------------------- checks


def compiled(s: Shape) -> compiler.Function:
    """y, dx and dw for images, weights and dy, for any batch size."""
    x = leaf.placeholder(("batch", s.height, s.width, s.inputs), name="x")
    w = leaf.placeholder(s.kernel, name="w")
    pad = ((s.pad, s.pad), (s.pad, s.pad))
    y = nn.conv2d(x, w, s.stride, pad, dilation_rate=s.dilation, groups=s.groups)
    dy = leaf.placeholder(y.shape, name="dy")
    return compiler.function([x, w, dy], [y, *grad(reduce.sum(y * dy), [x, w])])


def meaning(s: Shape, x: np.ndarray, w: np.ndarray, dy: np.ndarray) -> list[np.ndarray]:
    """The same, tap by tap."""
    padded = np.pad(x, ((0, 0), (s.pad, s.pad), (s.pad, s.pad), (0, 0)))
    dx, dw, y = np.zeros_like(padded), np.zeros_like(w), np.zeros_like(dy)
    rows, columns = ((n - 1) * s.stride + 1 for n in dy.shape[1:3])
    axes = (range(3), range(3))
    n, m = s.inputs // s.groups, s.outputs // s.groups
    for p, q in np.ndindex(*s.taps):
        top, left = p * s.dilation, q * s.dilation
        at = np.s_[:, top : top + rows : s.stride, left : left + columns : s.stride]
        for g in range(s.groups):
            a, b = np.s_[g * n : (g + 1) * n], np.s_[g * m : (g + 1) * m]
            window, weights, cotangent = padded[at][..., a], w[p, q][:, b], dy[..., b]
            y[..., b] += window @ weights
            dw[p, q][:, b] = np.tensordot(window, cotangent, axes)
            dx[at][..., a] += cotangent @ weights.T
    inner = np.s_[:, s.pad : s.pad + s.height, s.pad : s.pad + s.width]
    return [y, dx[inner], dw]


def check(s: Shape, *batches: int) -> None:
    f = compiled(s)
    for batch in batches:
        random = np.random.default_rng(0)
        result = tuple(map(s.result, (s.height, s.width), s.taps))
        shapes = [(batch, s.height, s.width, s.inputs), s.kernel, (batch, *result, s.outputs)]
        given = [random.standard_normal(shape, np.float32) for shape in shapes]
        want = meaning(s, *(a.astype(np.float64) for a in given))
        for name, got, exact in zip(("y", "dx", "dw"), f(*given), want, strict=True):
            worst, largest = np.abs(got - exact).max(), np.abs(exact).max()
            assert worst <= RELATIVE * largest, f"{name} at batch {batch}: {worst:.1e}"


@pytest.mark.parametrize("shape", NETWORKS[::9], ids=str)
def test_some_convolutions_of_networks(shape):
    check(shape, 1)


@pytest.mark.slow
@pytest.mark.parametrize("shape", NETWORKS, ids=str)
def test_every_convolution_of_networks(shape):
    check(shape, 2)


@pytest.mark.parametrize("seed", range(30))
def test_some_random_convolutions(seed):
    check(random_shape(seed), 2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(500))
def test_random_convolutions(seed):
    check(random_shape(seed), 3, 1)
