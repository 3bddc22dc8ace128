"""How alike two images are, and how rough one is."""

from __future__ import annotations

import math

from graphc.errors import ShapeError
from graphc.frontend.eager import eager_on_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement, reduce
from graphc.ops.convert import TensorLike

from .filters import along, gaussian
from .form import as_batch, as_float


@eager_on_arrays
def psnr(a: TensorLike, b: TensorLike, max_val: float) -> Tensor:
    """10 log10(max_val**2 / mean (a - b)**2) in decibels, one number per image.

    >>> import numpy as np
    >>> psnr(np.zeros((2, 2, 1)), np.full((2, 2, 1), 0.1), 1.0).numpy().round(3).item()
    20.0
    """
    x, y = _pair(a, b, None)
    error = reduce.mean(elementwise.square(x - y), (1, 2, 3))
    found = (2 * math.log(max_val) - elementwise.log(error)) * (10 / math.log(10))
    return _per_image(found, a)


@eager_on_arrays
def ssim(
    image1: TensorLike, image2: TensorLike, max_val: float = 1.0, filter_size: int = 11,
    filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03, data_format: str | None = None,
) -> Tensor:  # fmt: skip
    """The structural similarity (Wang et al. 2004, equation 13), one number per image.

        (2 m1 m2 + c1) (2 s12 + c2) / ((m1**2 + m2**2 + c1) (s1**2 + s2**2 + c2))

    with means, variances and covariance under a normal window, averaged over its places.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((16, 16, 3))
    >>> ssim(x, x).numpy().round(6).item()
    1.0
    """
    x, y = _pair(image1, image2, data_format)
    if any(isinstance(s, int) and s < filter_size for s in x.shape[1:3]):
        raise ShapeError("the window of ssim is larger than the images", received=x.shape,
                         fix=f"give a filter_size below {filter_size}")  # fmt: skip
    weights = gaussian(filter_size, leaf.constant([[filter_sigma]], x.dtype))

    def mean(v: Tensor) -> Tensor:
        return along(along(v, 1, weights, same=False), 2, weights, same=False)

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    m1, m2 = mean(x), mean(y)
    both, squares = m1 * m2, m1 * m1 + m2 * m2
    covariance, variances = mean(x * y) - both, mean(x * x + y * y) - squares
    top = (both * 2.0 + c1) * (covariance * 2.0 + c2)
    return _per_image(reduce.mean(top / ((squares + c1) * (variances + c2)), (1, 2, 3)), image1)


@eager_on_arrays
def total_variation(images: TensorLike, data_format: str | None = None) -> Tensor:
    """sum |x[i + 1, j] - x[i, j]| + |x[i, j + 1] - x[i, j]|, one number per image.

    >>> import numpy as np
    >>> total_variation(np.float32([[[0], [1]], [[3], [3]]])).numpy().item()
    6.0
    """
    x, _ = as_batch(images, data_format)
    x = as_float(x)
    total: Tensor | None = None
    for axis in (1, 2):
        size = x.shape[axis]
        change = movement.slice_axis(x, axis, 1, size) - movement.slice_axis(x, axis, 0, size - 1)
        part = reduce.sum(elementwise.abs(change), (1, 2, 3))
        total = part if total is None else total + part
    assert total is not None, "there are two axes"
    return _per_image(total, images)


def _pair(a: TensorLike, b: TensorLike, data_format: str | None) -> tuple[Tensor, Tensor]:
    x, y = as_float(as_batch(a, data_format)[0]), as_float(as_batch(b, data_format)[0])
    if x.shape[1:] != y.shape[1:]:
        raise ShapeError("images of different shapes", received=(x.shape, y.shape))
    x, y = convert.promote(x, y)
    return x, y


def _per_image(found: Tensor, images: TensorLike) -> Tensor:
    """One number per image of a batch; a scalar for a single image."""
    return movement.squeeze(found, 0) if convert.as_tensor(images).ndim == 3 else found
