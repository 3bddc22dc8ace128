"""Keras's tests of losses."""

from __future__ import annotations

from harness import keras_tests

FORGETS = "Keras leaves this argument out of the config, so its loss does not survive a round trip"

test_losses = keras_tests(
    {
        "losses/loss_test.py": {
            "LossTest.test_squeeze_or_expand": "a private function of Keras",
        },
        "losses/losses_test.py": {
            "CosineSimilarityTest.test_config": FORGETS,
            "HuberLossTest.test_config": FORGETS,
        },
    }
)
