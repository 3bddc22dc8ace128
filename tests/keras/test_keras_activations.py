"""Keras's tests of activations."""

from __future__ import annotations

from harness import keras_tests

test_activations = keras_tests({"activations/activations_test.py": {}})
