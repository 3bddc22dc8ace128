"""Small functions that training scripts use, under the names of keras.utils."""

from __future__ import annotations

import random

import numpy as np

from .data.folders import image_dataset_from_directory
from .data.labels import normalize, to_categorical
from .data.py_dataset import PyDataset
from .data.splits import split_dataset, train_test_split, train_validation_test_split
from .datasets.get_file import get_file
from .image.files import array_to_img, img_to_array, load_img, save_img
from .models.flops import count_flops
from .naming import clear_session
from .saving.objects import deserialize_keras_object, serialize_keras_object
from .saving.registered import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from .seeds import set_seed
from .training.steps import unpack_x_y_sample_weight
from .visualize.layer_graph import model_to_dot, plot_model

Sequence = PyDataset
CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "count_flops",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "train_test_split",
    "train_validation_test_split",
    "unpack_x_y_sample_weight",
]


def set_random_seed(seed: int) -> None:
    """Make weights, masks and orders reproducible, also those that Python and NumPy draw."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    set_seed(seed)
