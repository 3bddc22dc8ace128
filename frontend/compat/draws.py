"""Random tensors by TensorFlow's names: tf.random; one stream for the process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.frontend import seeds
from graphc.ir.node import Tensor
from graphc.ops import elementwise, index, random, reduce
from graphc.ops.convert import TensorLike

from .values import as_sizes, as_tensor

_streams: dict[int | None, seeds.SeedGenerator] = {}


def set_seed(seed: int) -> None:
    """Make everything drawn from here on reproducible: weights, masks, and what is drawn here.

    >>> from graphc.frontend.compat.mode import running
    >>> with running():
    ...     set_seed(1)
    ...     first = normal((2,)).numpy()
    ...     set_seed(1)
    ...     print((normal((2,)).numpy() == first).all())
    True
    """
    seeds.set_seed(seed)
    _streams.clear()


def next_key(seed: int | None = None) -> Tensor:
    """The next key of the stream of a seed, or of the common one."""
    if seed not in _streams:
        _streams[seed] = seeds.SeedGenerator(seed)
    return _streams[seed].next_key()


def normal(
    shape: object, mean: TensorLike = 0.0, stddev: TensorLike = 1.0,
    dtype: DTypeLike = dtypes.float32, seed: int | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers."""
    return random.normal(next_key(seed), as_sizes(shape), mean, stddev, dtype)


def truncated_normal(
    shape: object, mean: TensorLike = 0.0, stddev: TensorLike = 1.0,
    dtype: DTypeLike = dtypes.float32, seed: int | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers within two standard deviations."""
    return random.truncated_normal(next_key(seed), as_sizes(shape), mean, stddev, dtype)


def uniform(
    shape: object, minval: float = 0, maxval: float | None = None,
    dtype: DTypeLike = dtypes.float32, seed: int | None = None,
) -> Tensor:  # fmt: skip
    """Uniform numbers from minval up to, but not including, maxval; 1 if it is None."""
    kind, sizes, key = dtypes.as_dtype(dtype), as_sizes(shape), next_key(seed)
    if kind.is_integer:
        return random.randint(key, sizes, int(minval), int(maxval or 1), kind)
    return random.uniform(key, sizes, minval, 1.0 if maxval is None else maxval, kind)


def shuffle(value: object, seed: int | None = None) -> Tensor:
    """The rows in another order."""
    tensor = as_tensor(value)
    count = tensor.shape[0]
    assert isinstance(count, int), "what is shuffled has a known number of rows"
    return index.take(tensor, random.permutation(next_key(seed), count))


def categorical(
    logits: object, num_samples: int, dtype: DTypeLike = dtypes.int64, seed: int | None = None
) -> Tensor:
    """Classes with probabilities softmax(logits), `num_samples` for each row.

    The largest of logits with Gumbel noise (Gumbel 1954).
    """
    scores = as_tensor(logits)
    shape: Sequence[object] = (scores.shape[0], num_samples, scores.shape[1])
    tiny = float(np.finfo(np.float32).tiny)
    unit = random.uniform(next_key(seed), shape, tiny, 1.0)  # pyright: ignore[reportArgumentType]
    noise = elementwise.neg(elementwise.log(elementwise.neg(elementwise.log(unit))))
    return reduce.argmax(elementwise.add(scores[:, None, :], noise), -1, dtype=dtype)
