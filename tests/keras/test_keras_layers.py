"""Keras's tests of layers: those of its files that pass as a whole."""

from __future__ import annotations

from harness import keras_tests

FILES = {
    "activations": ("activation", "elu", "leaky_relu", "prelu", "relu"),
    "convolutional": ("depthwise_conv",),
    "core": ("identity",),
    "pooling": ("average_pooling", "global_max_pooling", "max_pooling"),
    "regularization": ("alpha_dropout", "gaussian_dropout", "gaussian_noise", "spatial_dropout"),
    "reshaping": ("up_sampling3d",),
    "rnn": ("simple_rnn",),
}

test_layers = keras_tests(
    {f"layers/{folder}/{n}_test.py": {} for folder, names in FILES.items() for n in names}
)
