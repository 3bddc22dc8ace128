"""The reference backend: graphs run node by node in NumPy. It is slow and states what is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from graphc.ir.node import Tensor

from . import evaluate


@final
class ReferenceBackend:
    """Evaluation in NumPy under the common name of backends."""

    name = "reference"

    def evaluate(
        self,
        outputs: Sequence[Tensor],
        feeds: Mapping[Tensor, object] | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> list[np.ndarray]:
        """See `evaluate.evaluate`."""
        return evaluate.evaluate(outputs, feeds, sizes)
