"""keras.backend: functions of tensors by the names of Keras 2, `import ... as K`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.errors import ArgumentError, ModeError
from graphc.frontend import config, losses, naming
from graphc.ir.node import Tensor
from graphc.ops import elementwise, movement, nn, numeric, reduce
from graphc.ops.reduce import Axes
from graphc.ops.variable import Variable

from . import arrays, draws, neural, values
from .names import by_name


def image_data_format() -> str:
    """channels_last, the only one that is a default."""
    return "channels_last"


def set_image_data_format(data_format: str) -> None:
    """Accept channels_last.

    Raises:
        ArgumentError: another one; give it to each layer as `data_format`.
    """
    if data_format != "channels_last":
        raise ArgumentError(
            "the default is channels_last", received=data_format,
            fix="give layers data_format='channels_first'",
        )  # fmt: skip


def backend() -> str:
    """What computes: graphc."""
    return "graphc"


def get_value(x: object) -> np.ndarray:
    """The value of a tensor or variable."""
    return values.as_tensor(x).numpy()


def set_value(x: Variable, value: object) -> None:
    """Give a variable another value."""
    x.assign(np.asarray(value))


def int_shape(x: Tensor) -> tuple[int | None, ...]:
    """The shape; None for sizes that are not known."""
    return tuple(n if isinstance(n, int) else None for n in x.shape)


def ndim(x: Tensor) -> int:
    """The number of axes."""
    return x.ndim


def flatten(x: object) -> Tensor:
    """All elements along one axis."""
    return movement.flatten(values.as_tensor(x))


def batch_flatten(x: object) -> Tensor:
    """All elements of each row along one axis."""
    return movement.flatten(values.as_tensor(x), 1)


def concatenate(tensors: Sequence[object], axis: int = -1) -> Tensor:
    """Tensors one after the other."""
    return arrays.concat(tensors, axis)


def one_hot(indices: object, num_classes: int) -> Tensor:
    """1 at the index along a new axis, 0 elsewhere."""
    return arrays.one_hot(indices, num_classes)


def argmax(x: object, axis: int = -1) -> Tensor:
    """The index of the largest element."""
    return reduce.argmax(values.as_tensor(x), axis)


def argmin(x: object, axis: int = -1) -> Tensor:
    """The index of the smallest element."""
    return reduce.argmin(values.as_tensor(x), axis)


def l2_normalize(x: object, axis: Axes = None) -> Tensor:
    """x divided by its Euclidean norm."""
    return neural.l2_normalize(x, axis)


def categorical_crossentropy(target: object, output: object, from_logits: bool = False) -> Tensor:
    """-sum of target * log(output)."""
    return losses.categorical_crossentropy(target, output, from_logits)  # pyright: ignore


def binary_crossentropy(target: object, output: object, from_logits: bool = False) -> Tensor:
    """The loss of each element, without a mean."""
    t, p = values.as_tensor(target), values.as_tensor(output)
    wide = (movement.expand_dims(v, -1) for v in (t, p))
    return losses.binary_crossentropy(*wide, from_logits)  # pyright: ignore


def gradients(loss: object, variables: object) -> None:
    """Not here: values have no past.

    Raises:
        ModeError: always; it says what to use.
    """
    raise ModeError("gradients needs a tape", fix="with tf.GradientTape() as tape: ...")


_REDUCTIONS = {
    name: arrays.reduction(function)
    for name, function in {
        "sum": reduce.sum, "prod": reduce.prod, "mean": reduce.mean, "max": reduce.max,
        "min": reduce.min, "std": reduce.std, "var": reduce.var, "any": reduce.any,
        "all": reduce.all, "logsumexp": reduce.logsumexp,
    }.items()
}  # fmt: skip

TABLE: dict[str, object] = {
    **_REDUCTIONS,
    **by_name(config, "floatx set_floatx epsilon set_epsilon"),
    **by_name(naming, "clear_session"),
    **by_name(elementwise, "abs exp log sqrt square sign round sin cos tanh sigmoid maximum pow "
              "minimum equal not_equal greater greater_equal less less_equal clip stop_gradient"),
    **by_name(nn, "relu elu softplus softsign hard_sigmoid softmax"),
    **by_name(arrays, "reshape expand_dims squeeze stack tile gather reverse transpose "
              "permute_dimensions=transpose dot=multiply batch_dot=multiply switch=where"),
    **by_name(values, "cast constant variable=Variable zeros ones arange shape"),
    **by_name(draws, "random_normal=normal random_uniform=uniform truncated_normal"),
    **by_name(neural, "dropout bias_add"),
    **by_name(numeric, "zeros_like ones_like eye"),
    "eval": get_value,
    "backend": backend, "image_data_format": image_data_format,
    "set_image_data_format": set_image_data_format, "get_value": get_value,
    "set_value": set_value, "int_shape": int_shape, "ndim": ndim, "flatten": flatten,
    "batch_flatten": batch_flatten, "concatenate": concatenate, "one_hot": one_hot,
    "argmax": argmax, "argmin": argmin, "l2_normalize": l2_normalize,
    "categorical_crossentropy": categorical_crossentropy,
    "binary_crossentropy": binary_crossentropy, "gradients": gradients,
    "sparse_categorical_crossentropy": losses.sparse_categorical_crossentropy,
}  # fmt: skip
