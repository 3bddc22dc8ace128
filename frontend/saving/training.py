"""What training leaves behind besides weights: the optimizer's state, and how far random draws are.

With it, training that is resumed from a file goes on bit for bit as if it had not stopped.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from graphc.errors import DataError
from graphc.frontend import seeds

from .assigning import assign
from .objects import Json
from .paths import generators_by_path, memory_by_path, weights_by_path

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model

Arrays = dict[str, np.ndarray]
Table = dict[str, Json]


def random_state(model: Model) -> tuple[Table, Arrays]:
    """Seeds and counters of random layers, what layers remember, the sequence of the process."""
    found = generators_by_path(model)
    process = cast(Json, seeds.state())
    state: Table = {"seeds": {p: g.seed for p, g in found.items()}, "process": process}
    memory = {f"memory/{path}": v.numpy() for path, v in memory_by_path(model).items()}
    return state, {f"random/{p}": g.state.numpy() for p, g in found.items()} | memory


def restore_random_state(
    model: Model, state: Table, arrays: Arrays, path: str, whole_process: bool
) -> None:
    """Let all draws go on where they were; with `whole_process` also those of no layer."""
    found, given = generators_by_path(model), cast(dict[str, int], state["seeds"])
    if set(found) != set(given):
        raise DataError("the random layers of the model are others", received=sorted(given))
    for place, generator in found.items():
        generator.seed = given[place]
    counters = {f"random/{p}": g.state for p, g in found.items()}
    memory = {f"memory/{p}": v for p, v in memory_by_path(model).items()}
    kept = {n: a for n, a in arrays.items() if n.startswith(("random/", "memory/"))}
    assign(counters | memory, kept, path)
    if whole_process:
        seeds.set_state(cast("Mapping[str, object]", state["process"]))


def optimizer_state(model: Model) -> tuple[Table | None, Arrays]:
    """Which weights the optimizer has state for, in its order, and all its variables."""
    optimizer = model.optimizer
    if optimizer is None:
        return None, {}
    places = {v: path for path, v in weights_by_path(model).items()}
    if lost := [v.name for v in optimizer.parameters if v not in places]:
        warnings.warn(
            f"the optimizer's state is not saved: it trains {', '.join(lost)}, which the model "
            "does not hold",
            stacklevel=2,
        )
        return None, {}
    names = [places[v] for v in optimizer.parameters]
    values = {f"optimizer/{i}": v.numpy() for i, v in enumerate(optimizer.variables)}
    return {"parameters": names, "variables": [v.name for v in optimizer.variables]}, values


def restore_optimizer_state(model: Model, state: Table, arrays: Arrays, path: str) -> None:
    """Give the optimizer of a compiled model the state that it had."""
    optimizer = model.optimizer
    assert optimizer is not None, "the model is compiled"
    weights = weights_by_path(model)
    names = cast(list[str], state["parameters"])
    if unknown := [name for name in names if name not in weights]:
        raise DataError("the optimizer has state for no weight", received=", ".join(unknown))
    optimizer.build([weights[name] for name in names])
    kept = {n: a for n, a in arrays.items() if n.startswith("optimizer/")}
    assign({f"optimizer/{i}": v for i, v in enumerate(optimizer.variables)}, kept, path)
