"""Sums and means of values over all examples, and means of any function of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self, cast

from graphc.dtypes import DTypeLike, as_dtype
from graphc.frontend import losses
from graphc.frontend.losses.reduction import masked_weight, quotient, same_rank
from graphc.frontend.masks import mask_of
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, reduce
from graphc.ops.convert import TensorLike

from .metric import Metric

Function = Callable[..., Tensor]


class Sum(Metric):
    """The weighted sum of all values.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(Sum()([1.0, 3.0, 5.0], sample_weight=[1, 0, 1]).numpy())
    6.0
    """

    def __init__(self, name: str = "sum", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(dtype=self.dtype, name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        each, _ = per_example(values, sample_weight, reduce.sum, self.dtype)
        self.total.assign_add(reduce.sum(each))

    def result(self) -> Tensor:
        return convert.cast(self.total, self.dtype)


class Mean(Metric):
    """The weighted mean of all values; 0 before the first.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     mean = Mean()
    ...     _ = mean([1.0, 3.0])
    ...     print(mean([8.0]).numpy())
    4.0
    """

    def __init__(self, name: str = "mean", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(dtype=self.dtype, name="total")
        self.count = self.add_variable(dtype=self.dtype, name="count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        each, weight = per_example(values, sample_weight, reduce.mean, self.dtype)
        number = leaf.size_of(each.shape[0] if each.ndim else 1, self.dtype)
        self.total.assign_add(reduce.sum(each))
        self.count.assign_add(number if weight is None else reduce.sum(weight))

    def result(self) -> Tensor:
        return quotient(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The weighted mean of a function of targets and predictions; `options` are its arguments.

    >>> from graphc.knobs import settings
    >>> with settings(backend="reference"):
    ...     print(MeanMetricWrapper(losses.mse)([[0.0], [0.0]], [[1.0], [3.0]]).numpy())
    5.0
    """

    def __init__(
        self, fn: Function, name: str | None = None, dtype: DTypeLike | None = None,
        **options: object,
    ) -> None:  # fmt: skip
        super().__init__(name or str(vars(fn).get("name") or fn.__name__), dtype)
        self.fn, self.options = fn, options

    def update_state(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None
    ) -> None:
        values = self.fn(y_true, y_pred, **self.options)
        weight = masked_weight(sample_weight, mask_of(y_pred), as_dtype(self.dtype))
        super().update_state(values, weight)

    def get_config(self) -> dict[str, object]:
        own: dict[str, object] = {}
        if type(self) is MeanMetricWrapper:
            fn = self.fn
            known = isinstance(fn, losses.Loss) or fn in losses.BY_NAME.values()
            own["fn"] = losses.serialize(fn) if known else fn
        return {**super().get_config(), **own, **self.options}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        found = dict(config)
        if isinstance(found.get("fn"), str | Mapping):
            found["fn"] = losses.deserialize(cast(str, found["fn"]))
        return cls(**found)  # pyright: ignore[reportArgumentType]


def per_example(
    values: TensorLike, weight: TensorLike | None, reducing: Function, dtype: str
) -> tuple[Tensor, Tensor | None]:
    """Weighted values with one number per example, and the weights likewise.

    A weight is per example, or per example and time step; axes of the values that it does not have
    are reduced before.
    """
    tensor = convert.as_tensor(values)
    each, factor = convert.cast(tensor, dtype), None
    mask = mask_of(tensor)
    if weight is not None:
        factor = convert.cast(convert.as_tensor(weight), dtype)
        if mask is not None:
            factor = masked_weight(factor, mask, factor.dtype)
            assert factor is not None, "a weight was given"
        each, factor = same_rank(each, factor)
        each = _reduced(each, factor.ndim, reducing)
        factor = convert.broadcast_to(factor, each.shape)
        each = elementwise.mul(each, factor)
        factor = _reduced(factor, 1, reducing)
    return _reduced(each, 1, reducing), factor


def _reduced(x: Tensor, rank: int, reducing: Function) -> Tensor:
    return reducing(x, tuple(range(rank, x.ndim))) if x.ndim > rank else x
