"""What training leaves behind besides weights: the optimizer's state, and how far random draws are.

With it, training that is resumed from a file goes on bit for bit as if it had not stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np

from graphc.errors import DataError
from graphc.frontend import seeds
from graphc.frontend.optimizers.rate import Scheduled
from graphc.frontend.optimizers.schedules import LearningRateSchedule
from graphc.ops.variable import Variable
from graphc.provenance import warn

from .assigning import assign
from .objects import Json
from .paths import generators_by_path, memory_by_path, weights_by_path

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model
    from graphc.frontend.optimizers import Optimizer

Arrays = dict[str, np.ndarray]
Table = dict[str, Json]

_RATE = "optimizer/learning_rate"


def random_state(model: Model) -> tuple[Table, Arrays]:
    """Seeds and counters of random layers and of the order of examples, what layers remember, the
    sequence of the process."""
    found = generators_by_path(model)
    process = cast(Json, seeds.state())
    order: Json = {"seed": model.example_order.seed, "epochs": model.example_order.epochs}
    seeded: Json = {p: g.seed for p, g in found.items()}
    state: Table = {"seeds": seeded, "process": process, "order": order}
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
    if (order := cast("dict[str, int] | None", state.get("order"))) is not None:
        model.example_order.seed, model.example_order.epochs = order["seed"], order["epochs"]
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
        warn(
            f"the optimizer's state is not saved: it trains {', '.join(lost)}, which the model "
            "does not hold"
        )
        return None, {}
    values = {name: v.numpy() for name, v in _by_name(optimizer, places).items()}
    rate = optimizer.source
    if isinstance(rate, Scheduled) and not isinstance(rate.given, LearningRateSchedule):
        warn(
            f"the learning rate of {optimizer.name} is a Python function, which no file holds; its "
            "present value is saved. Make it a LearningRateSchedule to have it saved"
        )
        values[_RATE] = optimizer.learning_rate.numpy()
    return {"parameters": [places[v] for v in optimizer.parameters]}, values


def restore_optimizer_state(model: Model, state: Table, arrays: Arrays, path: str) -> None:
    """Give the optimizer of a compiled model the state that it had."""
    optimizer = model.optimizer
    assert optimizer is not None, "the model is compiled"
    weights = weights_by_path(model)
    names = cast(list[str], state["parameters"])
    if unknown := [name for name in names if name not in weights]:
        raise DataError("the optimizer has state for no weight", received=", ".join(unknown))
    optimizer.build([weights[name] for name in names])
    known = _by_name(optimizer, {v: place for place, v in weights.items()})
    # Weights that were not trained have no state in the file, and begin with a fresh one.
    fresh = tuple(f"optimizer/{name}/" for name in weights if name not in names)
    kept = {n: a for n, a in arrays.items() if n.startswith("optimizer/")}
    assign({n: v for n, v in known.items() if not n.startswith(fresh)}, kept, path)


def _by_name(optimizer: Optimizer, places: Mapping[Variable, str]) -> dict[str, Variable]:
    """All variables of an optimizer: those of a parameter by its path, others by their place."""
    own = {
        v: f"{places[parameter]}/{slot}"
        for parameter, slots in optimizer.states.items()
        for slot, v in slots.items()
    }
    for kind, group in (("average", optimizer.averages), ("sum", optimizer.accumulators)):
        own |= {v: f"{places[p]}/{kind}" for p, v in zip(optimizer.parameters, group)}
    own |= dict.fromkeys(optimizer.source.variables, _RATE.partition("/")[2])
    rest = (v for v in optimizer.variables if v not in own)
    own |= {v: f"{number}" for number, v in enumerate(rest)}
    return {f"optimizer/{own[v]}": v for v in optimizer.variables}
