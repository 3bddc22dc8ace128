"""Normalisations: the course's numbers, formulas in NumPy, half precision, errors."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, nn

from .values import numbers, value

X = numbers((4, 5, 6, 8), "float64") * 3 + 1
GAMMA, BETA = numbers((8,), "float64", "g"), numbers((8,), "float64", "b")


def standard(x, axes, epsilon=1e-3):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


COURSE = np.float32([[-1, 4, 1], [1, -4, 3]])


def test_batch_norm_of_the_course():
    y, mean, variance = map(value, nn.batch_norm(COURSE))
    np.testing.assert_allclose(y, np.outer([-1, 1], [0.9995004, -0.9999688, 0.9995004]), 1e-6)
    np.testing.assert_allclose(mean, [0, 0, 2])
    np.testing.assert_allclose(variance, [1, 16, 1])
    # One step of the moving averages with momentum 0.99, starting at mean 0 and variance 1.
    moving = 0.01 * mean, 0.99 + 0.01 * variance
    np.testing.assert_allclose(moving, [[0, 0, 0.02], [1, 1.15, 1]], 1e-6)
    found = value(nn.batch_norm_inference(COURSE, *moving))
    wanted = [[-0.9995004, 3.7283986, 0.9795104], [0.9995004, -3.7283986, 2.9785113]]
    np.testing.assert_allclose(found, wanted, 1e-6)
    fresh = value(nn.batch_norm_inference(COURSE, np.zeros(3), np.ones(3)))
    wanted = [[-0.9995004, 3.9980015, 0.9995004], [0.9995004, -3.9980015, 2.9985013]]
    np.testing.assert_allclose(fresh, wanted, 1e-6)


def test_batch_norm_of_images():
    y, mean, variance = map(value, nn.batch_norm(X, GAMMA, BETA))
    np.testing.assert_allclose(y, standard(X, (0, 1, 2)) * GAMMA + BETA)
    np.testing.assert_allclose(mean, X.mean((0, 1, 2)))
    np.testing.assert_allclose(variance, X.var((0, 1, 2)))
    doubled = value(nn.batch_norm(X, np.full(8, 2.0), np.full(8, 1.0))[0])
    np.testing.assert_allclose(doubled, 2 * standard(X, (0, 1, 2)) + 1)


@pytest.mark.parametrize("axis", [1, (1, -1)])
def test_batch_norm_of_other_axes(axis):
    others = tuple(a for a in range(4) if a not in ((axis,) if axis == 1 else (1, 3)))
    y, mean, _ = nn.batch_norm(X, axis=axis)
    np.testing.assert_allclose(value(y), standard(X, others))
    np.testing.assert_allclose(value(mean), X.mean(others))


# fmt: off
FORMULAS = {
    "layer":       (lambda x: nn.layer_norm(x, GAMMA, BETA),    standard(X, 3) * GAMMA + BETA),
    "layer_plain": (lambda x: nn.layer_norm(x, epsilon=1e-5),   standard(X, 3, 1e-5)),
    "layer_three": (lambda x: nn.layer_norm(x, axis=(1, 2, 3)), standard(X, (1, 2, 3))),
    "instance":    (lambda x: nn.instance_norm(x, GAMMA, BETA), standard(X, (1, 2)) * GAMMA + BETA),
    "group_all":   (lambda x: nn.group_norm(x, groups=1),       standard(X, (1, 2, 3))),
    "group_each":  (lambda x: nn.group_norm(x, groups=8),       standard(X, (1, 2))),
    "group":       (lambda x: nn.group_norm(x, GAMMA, BETA, 4),
                    standard(X.reshape(4, 5, 6, 4, 2), (1, 2, 4)).reshape(X.shape) * GAMMA + BETA),
    "group_first": (lambda x: nn.group_norm(x, groups=5, axis=1), standard(X, (2, 3))),
    "rms":         (lambda x: nn.rms_norm(x, GAMMA),
                    X / np.sqrt((X**2).mean(-1, keepdims=True) + 1e-6) * GAMMA),
    "l2":          (nn.l2_normalize,
                    X / np.linalg.norm(X, axis=-1, keepdims=True)),
    "l2_two":      (lambda x: nn.l2_normalize(x, (1, 2)),
                    X / np.sqrt((X**2).sum((1, 2), keepdims=True))),
}
# fmt: on


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name):
    function, wanted = FORMULAS[name]
    np.testing.assert_allclose(value(function(X)), wanted)


def test_moments():
    mean, variance = nn.moments(X, (0, 2))
    np.testing.assert_allclose(value(mean), X.mean((0, 2)))
    np.testing.assert_allclose(value(variance), X.var((0, 2)))
    assert [t.shape for t in nn.moments(X, 1, keepdims=True)] == [(4, 1, 6, 8)] * 2


def test_large_means_do_not_cancel():
    """With E[x**2] - E[x]**2 in float32 nothing would be left of this variance."""
    x = (numbers((1000, 2)) + 3000).astype(np.float32)
    _, _, variance = nn.batch_norm(x)
    np.testing.assert_allclose(value(variance), x.astype(float).var(0), 1e-3)


def test_local_response():
    for radius, axis in ((1, -1), (2, 1), (20, -1)):
        x = np.moveaxis(X, axis, -1)
        square = np.stack([
            (x[..., max(c - radius, 0) : c + radius + 1] ** 2).sum(-1) for c in range(x.shape[-1])
        ], -1)  # fmt: skip
        wanted = np.moveaxis(x / (2 + 0.1 * square) ** 0.75, -1, axis)
        found = value(nn.local_response_norm(X, radius, 2.0, 0.1, 0.75, axis))
        np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_computes_in_float32(dtype):
    x = (100 * numbers((50, 4))).astype(leaf.zeros((), dtype).dtype.numpy)
    y, mean, variance = nn.batch_norm(leaf.constant(x))
    assert (y.dtype.name, mean.dtype, variance.dtype) == (dtype, dtypes.float32, dtypes.float32)
    # 100**2 * 50 does not fit into float16.
    np.testing.assert_allclose(value(variance), x.astype(float).var(0), 1e-4)
    tolerance = 1e-3 if dtype == "float16" else 1e-2
    np.testing.assert_allclose(
        value(y).astype(float), standard(x.astype(float), 0), tolerance, tolerance
    )
    assert nn.layer_norm(leaf.constant(x)).dtype.name == dtype


def test_no_examples():
    assert value(nn.layer_norm(leaf.zeros((0, 3)))).shape == (0, 3)


# fmt: off
WRONG = [
    (ShapeError,    "groups divide the channels",      lambda: nn.group_norm(X, groups=3)),
    (ShapeError,    "shape of the normalised axes",    lambda: nn.batch_norm(X, np.ones((8, 1)))),
    (ShapeError,    "shapes do not fit together",      lambda: nn.batch_norm(X, np.ones(5))),
    (ArgumentError, "epsilon is negative",             lambda: nn.layer_norm(X, epsilon=-1.0)),
    (ArgumentError, "depth_radius is negative",        lambda: nn.local_response_norm(X, -1)),
    (ShapeError,    "no such axis",                    lambda: nn.layer_norm(X, axis=4)),
]
# fmt: on


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function()
