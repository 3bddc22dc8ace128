"""Keras's tests of initializers, regularizers and constraints."""

from __future__ import annotations

from harness import keras_tests

TEXT = "compares the whole text of a message"

test_weights = keras_tests(
    {
        "constraints/constraints_test.py": {},
        "initializers/constant_initializers_test.py": {
            "*.test_stft_initializer": "graphc has no Fourier transform",
        },
        "initializers/random_initializers_test.py": {
            "*.test_mha_query_projection_variance": "graphc has no attention layer",
        },
        "regularizers/regularizers_test.py": {
            "*.test_orthogonal_regularizer_input_rank_validation": TEXT,
            "*.test_orthogonal_regularizer_mode_validation": TEXT,
        },
    }
)
