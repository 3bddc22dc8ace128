"""Initializers: variances, bounds, seeds, and the forms in which they are given."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import initializers, seeds
from graphc.frontend.initializers import BY_NAME, VarianceScaling, get

SHAPE = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 360, 540


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (FAN_IN + FAN_OUT)),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT)),
        ("he_uniform", 2 / FAN_IN),
        ("HeNormal", 2 / FAN_IN),
        ("lecun_uniform", 1 / FAN_IN),
        ("lecun_normal", 1 / FAN_IN),
        ("random_normal", 0.05**2),
        ("random_uniform", 0.1**2 / 12),
    ],
)
def test_variance(name, variance):
    draw = get(name)(SHAPE)
    assert draw.dtype == np.float32
    assert draw.var() == pytest.approx(variance, rel=0.05)
    assert abs(draw.mean()) < 0.1 * variance**0.5


def test_bounds():
    assert np.abs(get("glorot_uniform")(SHAPE)).max() <= np.sqrt(6 / (FAN_IN + FAN_OUT))
    assert np.abs(get("truncated_normal")(SHAPE)).max() <= 0.1


def test_orthogonal():
    w = initializers.Orthogonal(gain=2.0)((4, 5, 30))
    flat = w.reshape(20, 30) / 2
    np.testing.assert_allclose(flat @ flat.T, np.eye(20), atol=1e-6)


@pytest.mark.parametrize("kind", list(dict.fromkeys(BY_NAME.values())))
def test_config_makes_the_same_initializer(kind):
    made = kind()
    config = {"class_name": kind.__name__, "config": made.get_config()}
    assert get(config) == made
    assert made((4, 4)).shape == (4, 4)


def test_seeds():
    seeded, free = initializers.HeNormal(seed=3), initializers.HeNormal()
    assert np.array_equal(seeded((5, 5)), seeded((5, 5)))
    assert not np.array_equal(free((5, 5)), free((5, 5)))


def test_errors():
    with pytest.raises(ArgumentError, match="positive"):
        VarianceScaling(scale=0)
    with pytest.raises(ShapeError, match="another shape"):
        get(lambda shape: np.zeros(3))((2, 2))
    with pytest.raises(ArgumentError, match="not a initializer"):
        get(3)


def test_axes_of_a_projection():
    draw = VarianceScaling(2.0, "fan_in", input_axes=[0], output_axes=[1, 2], seed=1)((64, 8, 32))
    assert draw.std() == pytest.approx(np.sqrt(2 / 64), rel=0.05)


def test_a_sequence_of_seeds():
    first, again = (initializers.RandomNormal(seed=seeds.SeedGenerator(7)) for _ in range(2))
    a, b = first((4,)), first((4,))
    assert not np.array_equal(a, b)
    assert np.array_equal(again((4,)), a)
    revived = initializers.deserialize(initializers.serialize(first))
    assert np.array_equal(revived((4,)), a)


def test_arrays_functions_and_own_classes():
    values = np.ones((2, 3))
    assert np.array_equal(get(values)((2, 3)), values)
    with pytest.raises(ShapeError, match="another shape"):
        get(values)((3, 2))
    assert get(lambda shape, dtype=None: np.zeros(shape))((2,)).dtype == np.float32
    assert get(None) is None

    class Halves(initializers.Initializer):
        def __init__(self, value=0.5):
            self.value = value

        def __call__(self, shape, dtype=None):
            return np.full(shape, self.value, dtype)

    assert Halves(0.25).clone().value == 0.25
    assert initializers.Constant([1.0, 2.0])((3, 2)).tolist() == [[1.0, 2.0]] * 3
