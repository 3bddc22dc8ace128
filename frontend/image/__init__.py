"""Images as tensors: moved, coloured, filtered, framed, measured; pictures in files.

Every function takes one image (height, width, channels) or a batch of them, channels last or first,
as tensors or arrays. The layers that draw such changes at random are in
frontend/layers/augmentation/.
"""

from __future__ import annotations

from .colors import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    hsv_to_rgb,
    rgb_to_grayscale,
    rgb_to_hsv,
)
from .files import array_to_img, img_to_array, load_img, save_img
from .filters import gaussian_blur, sobel_edges
from .framing import crop_images, extract_patches, pad_images, resize
from .geometry import (
    flip_left_right,
    flip_up_down,
    perspective_transform,
    rot90,
    rotate,
    translate,
)
from .measures import psnr, ssim, total_variation
from .sampling import affine_transform

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "affine_transform",
    "array_to_img",
    "crop_images",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "gaussian_blur",
    "hsv_to_rgb",
    "img_to_array",
    "load_img",
    "pad_images",
    "perspective_transform",
    "psnr",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rot90",
    "rotate",
    "save_img",
    "sobel_edges",
    "ssim",
    "total_variation",
    "translate",
]
