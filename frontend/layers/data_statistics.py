"""Data brought to mean 0 and variance 1, with statistics that are given or measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Unpack, cast, final, runtime_checkable

import numpy as np

from graphc.errors import ArgumentError, DTypeError, ModeError, ShapeError
from graphc.frontend.config import epsilon
from graphc.frontend.structure import holds_arrays
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement
from graphc.ops.variable import Variable

from .layer import Layer
from .spec import BaseOptions, BuildShape, known_size


@final
class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), statistics of the data per element of `axis`.

    They are given, or `adapt(data)` measures them; until then they are 0 and 1. `axis=None` has one
    mean for all. With `invert` y = x * sqrt(variance) + mean.

    >>> layer = Normalization(axis=None)
    >>> layer.adapt(np.array([1.0, 2.0, 3.0]))
    >>> layer(np.array([2.0])).numpy().tolist()
    [0.0]
    """

    supports_masking = True
    adapt_mean: Variable | None = None
    adapt_variance: Variable | None = None

    def __init__(
        self, axis: int | Sequence[int] | None = -1, mean: object = None, variance: object = None,
        invert: bool = False, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.axis = axis if axis is None or isinstance(axis, int) else list(axis)
        self.invert = invert
        if (mean is None) != (variance is None):
            raise ArgumentError("mean and variance are given both, or measured by adapt")
        self.known = None if mean is None else (np.asarray(mean), np.asarray(variance))
        if self.known is not None and self.known[0].shape != self.known[1].shape:
            raise ArgumentError(
                "mean and variance are of one shape", received=[v.shape for v in self.known]
            )

    def build(self, input_shape: BuildShape) -> None:
        self.kept = self._kept(len(input_shape))
        sizes = [known_size(self.name, input_shape, a) for a in self.kept]
        # The shape that goes with inputs, 1 for the axes that have one mean in common.
        known = dict(zip(self.kept, sizes))
        self.wide = [known.get(a, 1) for a in range(len(input_shape))]
        if self.known is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            # Keras's files have a number here, which is 0.
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
        else:
            # Sizes are aligned from the right, as in NumPy.
            self.known = tuple(np.broadcast_to(v, sizes) for v in self.known)  # pyright: ignore

    @property
    def mean(self) -> Tensor:
        """The means, of a shape that goes with inputs."""
        return self._statistic(0)

    @property
    def variance(self) -> Tensor:
        """The variances, of a shape that goes with inputs."""
        return self._statistic(1)

    def _statistic(self, which: int) -> Tensor:
        weight = (self.adapt_mean, self.adapt_variance)[which]
        if weight is not None:
            kept = convert.cast(weight.value, self.compute_dtype)
            return movement.reshape(kept, self.wide)
        if self.known is None:
            raise ModeError(f"{self.name} has no statistics yet", fix="call adapt(data)")
        return leaf.constant(self.known[which].reshape(self.wide), self.compute_dtype)

    def adapt(self, data: object) -> None:
        """Measure mean and (biased) variance: of an array, or of batches from anything iterable.

        A batch that is a tuple (x, y) counts as x.

        Raises:
            ArgumentError: no batches.
            DTypeError: batches that are no arrays.
            ShapeError: a batch of another shape than those before.
        """
        if self.known is not None:
            raise ModeError(f"{self.name} was given its mean and variance")
        total = _Moments()
        for batch in _batches(data):
            if not self.built:
                self.build_once(leaf.placeholder((None, *batch.shape[1:]), self.dtype))
            known = [batch.shape[a] if a in self.kept else 1 for a in range(batch.ndim)]
            if known != self.wide:
                raise ShapeError(
                    f"a batch of an incompatible shape for {self.name}",
                    received=batch.shape,
                    expected=tuple(self.wide),
                )
            total.add(batch, tuple(a for a in range(batch.ndim) if a not in self.kept))
        if not total.count:
            raise ArgumentError("adapt was given an empty iterable", fix="give it batches")
        for weight, value in (
            (self.adapt_mean, total.mean), (self.adapt_variance, total.squares / total.count),
        ):  # fmt: skip
            assert weight is not None, "statistics that are measured are weights"
            weight.assign(np.asarray(value, np.float32))

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        spread = elementwise.maximum(elementwise.sqrt(self.variance), epsilon())
        if self.invert:
            return elementwise.add(self.mean, elementwise.mul(x, spread))
        return elementwise.div(elementwise.sub(x, self.mean), spread)

    def _kept(self, ndim: int) -> tuple[int, ...]:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis or []
        if any(not -ndim <= a < ndim for a in axes):
            raise ArgumentError(
                f"{self.name} normalises axes that inputs have",
                received=f"axis={self.axis}, inputs of {ndim} axes",
            )
        return tuple(sorted(a % ndim for a in axes))


class _Moments:
    """Mean and squared deviations of batches so far, put together as Chan et al. 1979 do."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self.squares: np.ndarray = np.zeros(())

    def add(self, x: np.ndarray, axes: tuple[int, ...]) -> None:
        number = int(np.prod([x.shape[a] for a in axes]))
        if not number:
            return
        mean, whole = x.mean(axes), self.count + number
        off = mean - self.mean
        self.squares = self.squares + x.var(axes) * number + off**2 * (self.count * number / whole)
        self.mean = self.mean + off * (number / whole)
        self.count = whole


@runtime_checkable
class _Indexed(Protocol):
    """Batches by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> object: ...


def _batches(data: object) -> Iterator[np.ndarray]:
    """The batches of an array (one), of an iterable, or of what has batches by number."""
    if isinstance(data, np.ndarray | Tensor) or _is_array(data):
        yield _array(data)
        return
    if isinstance(data, Iterable):
        batches = iter(cast(Iterable[object], data))
    elif isinstance(data, _Indexed):
        batches = (data[i] for i in range(len(data)))
    else:
        raise DTypeError("adapt takes arrays or batches of them", received=repr(type(data)))
    for batch in batches:
        yield _array(batch[0] if isinstance(batch, tuple) else batch)


def _is_array(data: object) -> bool:
    """Whether lists of numbers are meant, rather than a list of batches."""
    return isinstance(data, list) and bool(data) and not holds_arrays(data)


def _array(batch: object) -> np.ndarray:
    if isinstance(batch, Tensor):
        return batch.numpy().astype(np.float64)
    if isinstance(batch, int | float | str):
        raise DTypeError("batches are arrays, which have a `.shape`", received=repr(batch))
    return np.asarray(batch, np.float64)
