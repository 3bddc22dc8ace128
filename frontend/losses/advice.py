"""Which loss goes with the last activation of a model and the targets it has."""

from __future__ import annotations

import numpy as np

from graphc.frontend import activations
from graphc.ops import leaf


def suggest(activation: str | activations.Activation | None, targets: object) -> str:
    """The name of the loss that fits what a model says and what it is told.

    | last activation   | targets                        | loss                            |
    |-------------------|--------------------------------|---------------------------------|
    | softmax           | class numbers                  | sparse_categorical_crossentropy |
    | softmax           | one-hot rows, probabilities    | categorical_crossentropy        |
    | sigmoid           | 0 and 1, or between            | binary_crossentropy             |
    | tanh              | -1 and 1                       | hinge                           |
    | softplus, exponential | whole numbers from 0       | poisson                         |
    | any other         | numbers                        | mean_squared_error              |

    >>> suggest("softmax", [2, 0, 1]), suggest("sigmoid", [0, 1]), suggest(None, [0.5, 7.1])
    ('sparse_categorical_crossentropy', 'binary_crossentropy', 'mean_squared_error')
    """
    name, values = activations.name_of(activations.get(activation)), leaf.as_array(targets)
    match name:
        case "softmax" | "log_softmax" | "sparsemax" if values.ndim < 2 or values.shape[-1] == 1:
            return "sparse_categorical_crossentropy"
        case "softmax" | "log_softmax" | "sparsemax":
            return "categorical_crossentropy"
        case "sigmoid" | "hard_sigmoid":
            return "binary_crossentropy"
        case "tanh" if bool(np.isin(values, (-1, 1)).all()):
            return "hinge"
        case "softplus" | "exponential" if bool((values >= 0).all() and (values % 1 == 0).all()):
            return "poisson"
    return "mean_squared_error"
