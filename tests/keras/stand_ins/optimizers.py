"""keras.src.optimizers: graphc's, with the private names that Keras's tests look at."""

from __future__ import annotations

from graphc.frontend.optimizers import Optimizer, schedules  # noqa: F401
from graphc.frontend.optimizers.schedules import *  # noqa: F403

# isort: split
from graphc.frontend.optimizers import *  # noqa: F403

from .ops import convert_to_tensor


def _clip_gradients(optimizer: Optimizer, grads: list[object]) -> list[object]:
    return optimizer.clip([convert_to_tensor(g) for g in grads])


Optimizer._clip_gradients = _clip_gradients
Optimizer._model_variables_moving_average = property(lambda o: o.averages)
Optimizer._accumulated_gradients = property(lambda o: o.accumulators)
Optimizer._u_product = property(lambda o: o.shared_state["u_product"])
Optimizer._iterations = property(lambda o: o.calls)
