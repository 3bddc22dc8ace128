"""Keras's tests of layers for images."""

from __future__ import annotations

from harness import keras_tests

LEFT_OUT = {
    "*tf_data*": "runs in a pipeline of TensorFlow",
    "*bounding_box*": "boxes around objects are not moved",
}
NO_BOXES = {"*.test_dict_input": "gives boxes around objects"}
NO_ALIAS = {"*_value_range*": "calls keras.ops.numpy, of which there is no stand-in"}
# fmt: off
FILES = {
    "center_crop": {},
    "cut_mix": {},
    "equalization": {},
    "random_brightness": {**NO_BOXES, "*.test_set_factor_*": "needs a private method"},
    "random_color_degeneration": NO_ALIAS,
    "random_color_jitter": {},
    "random_contrast": NO_BOXES,
    "random_crop": NO_BOXES,
    "random_gaussian_blur": {},
    "random_grayscale": {},
    "random_hue": NO_ALIAS,
    "random_invert": {},
    "random_posterization": NO_ALIAS,
    "random_rotation": {},
    "random_sharpness": NO_ALIAS,
    "random_translation": {},
    "random_zoom": {},
}
# fmt: on

test_images = keras_tests(
    {
        f"layers/preprocessing/image_preprocessing/{name}_test.py": {**LEFT_OUT, **own}
        for name, own in FILES.items()
    }
)
