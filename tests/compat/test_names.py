"""Namespaces, aliases in sys.modules, printing, and what an import changes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import graphc as gx

NAMESPACES = "math nn linalg random image keras.layers keras.losses keras.optimizers keras.utils"


def run(code: str) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


ALIAS = """
import sys
import graphc.compat.tensorflow
sys.modules["tensorflow"] = graphc.compat.tensorflow
"""


def test_one_line_makes_all_forms_of_import_work():
    code = """
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers, Sequential
from tensorflow.keras.layers import Dense
from tensorflow.keras.optimizers.schedules import ExponentialDecay
import tensorflow.keras.backend as K
import tensorflow.keras.datasets.mnist as mnist
import tensorflow.compat.v1 as v1
import graphc.compat.keras
import graphc.compat.tensorflow.keras.losses as losses
import graphc.frontend.layers as ours
print(tf.keras is keras is graphc.compat.keras, Dense is ours.Dense is layers.Dense)
print(losses is keras.losses, K is keras.backend, v1.Session.__name__, mnist.load_data.__name__)
"""
    assert run(ALIAS + code) == ["True True", "True True Session load_data"]


def test_keras_alone():
    code = """
import sys, graphc.compat.keras
sys.modules["keras"] = graphc.compat.keras
import keras
from keras.models import Sequential
print(Sequential([keras.layers.Dense(2)])([[1.0]]).shape)
"""
    assert run(code) == ["(1, 2)"]


def test_a_module_that_is_not_there_is_no_module():
    with pytest.raises(ModuleNotFoundError, match=r"tensorflow\.lite"):
        __import__("graphc.compat.tensorflow.lite")


def test_only_the_import_makes_eager_mode_the_standard():
    code = """
import graphc as gx
import graphc.compat
print(gx.constant([1, 2]) + 1)
import graphc.compat.tensorflow
print(gx.constant([1, 2]) + 1)
"""
    first, second = run(code)
    assert first.startswith('Tensor("')
    assert second == "tf.Tensor([2 3], shape=(2,), dtype=int32)"


def test_graphs_are_built_where_they_are_asked_for(tf):
    w = gx.variable([1.0, 2.0], name="w_of_a_graph")
    x = gx.placeholder((2,), name="x")
    f = gx.function(x, x * w, target="reference")
    w.assign([3.0, 4.0])
    assert f([1.0, 1.0]).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("path", NAMESPACES.split())
def test_unknown_names_say_what_is_near(tf, path):
    module = tf
    for part in path.split("."):
        module = vars(module)[part]
    for name in module.__all__[:3]:
        with pytest.raises(AttributeError, match=rf"has no '{name}x'.*{name}"):
            getattr(module, f"{name}x")


@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("data", "generator"),
        ("layers", "keras.layers"),
        ("Session", "compat.v1"),
        ("keras.applications.VGG16", "weights"),
    ],
)
def test_names_that_are_left_out_say_what_to_do(tf, path, instead):
    *parents, name = path.split(".")
    module = tf
    for part in parents:
        module = vars(module)[part]
    with pytest.raises(AttributeError, match=instead):
        getattr(module, name)


def test_printing(tf):
    x = tf.constant([1, 2, 4])
    assert str(x) == "tf.Tensor([1 2 4], shape=(3,), dtype=int32)"
    assert repr(x) == "<tf.Tensor: shape=(3,), dtype=int32, numpy=array([1, 2, 4], dtype=int32)>"
    half = tf.constant(0.5)
    assert f"{half:.2f} {half}" == "0.50 tf.Tensor(0.5, shape=(), dtype=float32)"
    v = tf.Variable([1.0], name="printed")
    assert repr(v).startswith("<tf.Variable 'printed:0' shape=(1,) dtype=float32, numpy=array([1.]")
    assert repr(tf.constant(True)) == "<tf.Tensor: shape=(), dtype=bool, numpy=True>"


def test_printing_is_ours_again_afterwards(tf):
    from graphc.frontend.compat import mode

    mode.stop()
    assert repr(gx.constant([1, 2]) + 1).startswith('Tensor("add')
    with gx.eager("reference"):
        assert str(gx.as_tensor([1, 2])) == "Tensor([1 2], shape=(2,), dtype=int32)"


def test_values_go_in_and_out(tf):
    x = tf.constant([[1.0, 2.0]])
    assert isinstance(np.add(x, 1), tf.Tensor)
    assert (np.asarray(x) == [[1, 2]]).all()
    assert [10, 20][tf.constant(1)] == 20
    assert tf.stack([x[0, 0], 3.0]).numpy().tolist() == [1.0, 3.0]
    assert tf.constant(7, shape=(2, 2)).numpy().tolist() == [[7, 7], [7, 7]]
    with pytest.raises(TypeError, match="tensors hold numbers"):
        tf.constant("text")
    with pytest.raises(TypeError, match="not a whole number"):
        [1, 2][tf.constant(0.0)]
