"""Keras's tests of losses."""

from __future__ import annotations

from harness import keras_tests

test_losses = keras_tests({"losses/loss_test.py": {}, "losses/losses_test.py": {}})
