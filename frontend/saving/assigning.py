"""Values from files for the variables of a model: all of them fit, or nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from graphc.errors import DataError
from graphc.ops.variable import Variable
from graphc.provenance import warn

SHOWN = 12  # so many names are told in an error, then how many more there are


def assign(
    variables: Mapping[str, Variable], arrays: Mapping[str, np.ndarray], source: str,
    skip_mismatch: bool = False,
) -> None:  # fmt: skip
    """Give each variable the array of its path; with `skip_mismatch` those that fit.

    Raises:
        DataError: arrays are missing, left over, or of another shape; all of them are named.
    """
    problems = [*_missing(variables, arrays), *_unfit(variables, arrays)]
    if problems and not skip_mismatch:
        raise DataError(
            f"the weights in {source} are not those of the model",
            received=_listed(problems),
            expected=f"{len(variables)} weights with the paths and shapes of the model",
            fix="make the model as it was when it was saved, or give skip_mismatch=True",
        )
    if problems:
        warn(f"left out of {source}: {_listed(problems)}")
    for path, variable in variables.items():
        if path in arrays and fits(variable, arrays[path]):
            variable.assign(arrays[path])


def fits(variable: Variable, array: np.ndarray) -> bool:
    """Whether the array may become the value: of the same shape, and numbers of the same kind."""
    is_float = array.dtype.kind not in "biu"
    return array.shape == variable.shape and is_float == variable.dtype.is_float


def _missing(variables: Mapping[str, Variable], arrays: Mapping[str, np.ndarray]) -> Iterable[str]:
    for path, variable in variables.items():
        if path not in arrays:
            yield f"no {path} {variable.shape}"
    for path, array in arrays.items():
        if path not in variables:
            yield f"unexpected {path} {array.shape}"


def _unfit(variables: Mapping[str, Variable], arrays: Mapping[str, np.ndarray]) -> Iterable[str]:
    for path, variable in variables.items():
        if path in arrays and not fits(variable, arrays[path]):
            array = arrays[path]
            yield (
                f"{path} is {array.dtype.name}{array.shape}, "
                f"and the model has {variable.dtype}{variable.shape}"
            )


def _listed(problems: list[str]) -> str:
    more = len(problems) - SHOWN
    return "; ".join(problems[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
