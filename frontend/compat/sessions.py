"""Graphs and sessions by the names of TensorFlow 1: nothing is computed until a session runs it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self, final

import numpy as np

from graphc import dtypes
from graphc.compiler import function
from graphc.dtypes import DTypeLike
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops import leaf

from . import mode

Feed = Mapping[Tensor, object]


@final
class Session:
    """Computes tensors of the graph: `Session().run(c, feed_dict={x: value})`.

    >>> x = placeholder("float32", (2,), name="doctest_x")
    >>> with Session() as session:
    ...     print(session.run(x + 1.0, feed_dict={x: [1.0, 2.0]}))
    [2. 3.]
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def run(self, fetches: Tree[Tensor], feed_dict: Feed | None = None) -> Tree[np.ndarray]:
        """The values of tensors, in the form of the fetches; None for None."""
        if fetches is None:
            return None
        feed = feed_dict or {}
        found = leaves(function(list(feed), fetches, name="session")(*feed.values()))
        return like(fetches, found)  # pyright: ignore[reportReturnType]

    def close(self) -> None:
        """Nothing: sessions hold nothing."""


def placeholder(
    dtype: DTypeLike = dtypes.float32, shape: tuple[int | None, ...] = (), name: str | None = None
) -> Tensor:
    """A tensor whose value each run gives."""
    return leaf.placeholder(shape, dtype, name=name)


def disable_eager_execution() -> None:
    """Build graphs; only a Session computes. Tensors are still printed by TensorFlow's rules."""
    mode.build_only()


def global_variables_initializer() -> None:
    """Nothing to run: variables have their values from the beginning."""


TABLE: dict[str, object] = {
    "Session": Session,
    "placeholder": placeholder,
    "disable_eager_execution": disable_eager_execution,
    "enable_eager_execution": mode.start,
    "disable_v2_behavior": disable_eager_execution,
    "global_variables_initializer": global_variables_initializer,
    "__version__": "1.15.0",
}
