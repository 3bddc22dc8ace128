"""Activations by name and config; their formulas are tested in tests/ops."""

from __future__ import annotations

import json

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ArgumentError, UnknownNameError
from graphc.frontend import activations
from graphc.frontend.layers import Activation, Dense

X = np.linspace(-3, 3, 8, dtype=np.float32).reshape(2, 4)


@pytest.mark.parametrize("name", activations.BY_NAME)
def test_every_name(name):
    function = activations.get(name)
    stored = json.loads(json.dumps(activations.serialize(function)))
    assert activations.deserialize(stored) is function
    assert activations.get(name.upper()) is function
    direct = function(X).numpy()
    x = gx.placeholder((None, 4))
    compiled = gx.function(x, function(x), target="reference")(X)
    np.testing.assert_allclose(direct, compiled, rtol=1e-6)
    layer = Activation.from_config(Activation(name).get_config())
    np.testing.assert_array_equal(layer(X).numpy(), direct)


@pytest.mark.parametrize("name", ["relu", "softmax", "tanh", "gelu"])
def test_functions_of_the_core_have_names_too(name):
    core = getattr(gx.nn, name, None) or getattr(gx, name)
    assert activations.name_of(core) == name
    assert Dense(2, activation=core).get_config()["activation"] == name


def test_lists_compute_at_once():
    assert activations.relu([-1, 2]).numpy().tolist() == [0, 2]
    assert activations.softmax([[0.0, 0.0]]).numpy().tolist() == [[0.5, 0.5]]


def test_own_functions_and_classes():
    def cube(x):
        return x**3

    class Power:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x**self.n

        def get_config(self):
            return {"n": self.n}

    assert activations.get(cube) is cube
    assert activations.serialize(cube) == "cube"
    assert activations.deserialize("cube", {"cube": cube}) is cube
    stored = activations.serialize(Power(3))
    again = activations.deserialize(stored, {"Power": Power})
    assert again(2) == 8


def test_mistakes():
    with pytest.raises(UnknownNameError, match="rely"):
        activations.get("rely")
    with pytest.raises(ValueError, match="rely"):
        activations.get("rely")
    with pytest.raises(ArgumentError, match="not an activation"):
        activations.get(7)
