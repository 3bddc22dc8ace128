"""jit: when it traces again, what it returns, static arguments, effects of layers."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError
from graphc.frontend.jit import jit
from graphc.frontend.layers import BatchNormalization
from graphc.ops.leaf import placeholder


def counting(**options):
    traces = []

    @jit(**options)
    def scaled(x, factor=2):
        traces.append(x.shape)
        return {"sum": x.sum(), "all": (x * factor, x)}

    return scaled, traces


def test_one_trace_per_shape_and_dtype():
    scaled, traces = counting()
    for value in ([1.0, 2.0], [3.0, 4.0], [1.0, 2.0, 3.0], [1, 2]):
        result = scaled(value)
        assert result["sum"] == sum(value)
        assert result["all"][0].tolist() == [2 * v for v in value]
    assert traces == [(2,), (3,), (2,)]


def test_symbolic_lengths_need_one_trace():
    scaled, traces = counting(symbolic=True)
    for size in (1, 2, 5, 0):
        assert scaled(np.ones((size, 3), np.float32))["sum"] == 3 * size
    assert len(traces) == 1


def test_static_arguments_stay_python_values():
    @jit(static=["depth"])
    def power(x, depth):
        for _ in range(depth):
            x = x * x
        return x

    assert power(2.0, depth=1) == 4
    assert power(2.0, 2) == 16
    assert len(power.functions) == 2
    with pytest.raises(ArgumentError, match="dictionary keys"):
        power(2.0, [1])


def test_structures_of_arrays():
    @jit
    def total(parts, *more):
        return parts["a"][0] + parts["a"][1] + sum(more)

    assert total({"a": [np.float32(1), np.ones(2)]}, 2.0, 3.0).tolist() == [7, 7]


def test_tensors_make_it_part_of_their_graph():
    scaled, traces = counting()
    x = placeholder((2,))
    assert scaled(x)["sum"].shape == ()
    assert traces == [(2,)]
    assert not scaled.functions


def test_layers_inside_keep_their_effects():
    layer = BatchNormalization(momentum=0.5)
    train = jit(lambda x: layer(x, training=True))
    train(np.array([[2.0], [4.0]], np.float32))
    train(np.array([[2.0], [4.0]], np.float32))
    assert layer.get_weights()[2] == pytest.approx([2.25])


def test_errors():
    with pytest.raises(ArgumentError, match="no argument of that name"):
        jit(static=["depth"])(lambda x: x)
