"""Resizing of images: worked values, invariants, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, nn

from .values import numbers, value

ROW = np.float32([0, 1, 2, 3])[None, :, None]
# fmt: off
ROWS = [
    ("nearest",  8, False, [0, 0, 1, 1, 2, 2, 3, 3]),
    ("nearest",  2, False, [1, 3]),
    ("bilinear", 8, False, [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]),
    ("bilinear", 2, False, [0.5, 2.5]),
    ("bilinear", 1, False, [1.5]),
    ("bilinear", 2, True,  [5 / 7, 16 / 7]),    # weights 3, 3, 1 and 1, 3, 3 of the tent
    ("bilinear", 4, False, [0, 1, 2, 3]),
    ("area",     2, False, [0.5, 2.5]),
    ("area",     3, False, [0.25, 1.5, 2.75]),  # areas of 4 / 3 pixels
    ("area",     8, False, [0, 0, 1, 1, 2, 2, 3, 3]),
]
# fmt: on


@pytest.mark.parametrize(("method", "size", "antialias", "wanted"), ROWS)
def test_one_row(method, size, antialias, wanted):
    found = value(nn.resize(ROW, size, method, antialias))
    np.testing.assert_allclose(found[0, :, 0], wanted, 1e-6)


def test_bilinear_is_the_interpolation_between_centres():
    x = numbers((2, 7, 5, 3), "float64")
    grid = RegularGridInterpolator((np.arange(7), np.arange(5)), x.transpose(1, 2, 0, 3))
    for size in ((3, 11), (14, 5), (6, 4)):
        places = [
            np.clip((np.arange(n) + 0.5) * o / n - 0.5, 0, o - 1) for n, o in zip(size, (7, 5))
        ]
        wanted = grid(tuple(np.meshgrid(*places, indexing="ij"))).transpose(2, 0, 1, 3)
        np.testing.assert_allclose(value(nn.resize(x, size)), wanted, 1e-12, 1e-12)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(
    "method", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"]
)
def test_a_plain_image_stays_plain(method, antialias):
    found = value(nn.resize(np.full((1, 6, 9, 2), 3.0), (4, 17), method, antialias))
    np.testing.assert_allclose(found, np.full((1, 4, 17, 2), 3.0))


def test_bicubic_keeps_straight_lines_inside():
    x = np.arange(10.0)[None, :, None]
    found = value(nn.resize(x, 20, "bicubic"))[0, 4:-4, 0]
    np.testing.assert_allclose(found, ((np.arange(20) + 0.5) / 2 - 0.5)[4:-4])


def test_layouts_and_ranks():
    x = numbers((1, 4, 6, 3), "float64")
    found = value(nn.resize(np.moveaxis(x, -1, 1), (5, 5), data_format="channels_first"))
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), value(nn.resize(x, (5, 5))))
    assert nn.resize(leaf.zeros((1, 2, 3, 4, 5)), 7).shape == (1, 7, 7, 7, 5)
    batch = leaf.placeholder((None, 4, 4, 3))
    assert nn.resize(batch, 2).shape == (batch.shape[0], 2, 2, 3)


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="no such interpolation"):
        nn.resize(ROW, 2, "lanczos")
    with pytest.raises(ArgumentError, match="size is one number per spatial axis"):
        nn.resize(ROW, 0)
    with pytest.raises(ShapeError, match="needs known image sizes"):
        nn.resize(leaf.placeholder((1, None, 3)), 2)
