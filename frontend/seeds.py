"""Seeds: one for the process, from which layers and initializers that have none of their own draw.

Weights are drawn on the host (initializers.py); masks and noise are drawn in the graph, from keys
made of a seed and a counter that is a variable, so that saving it resumes the sequence exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, cast

import numpy as np

from graphc import dtypes
from graphc.ir.node import Tensor
from graphc.ops import elementwise, random
from graphc.ops.variable import Variable, variable

from . import effects

_source = [np.random.SeedSequence()]


def set_seed(seed: int) -> None:
    """Make everything drawn from here on reproducible."""
    _source[0] = np.random.SeedSequence(seed)


def state() -> dict[str, object]:
    """How far the sequence of the process is, as plain values for `set_state`."""
    now = _source[0]
    return {
        "entropy": now.entropy,
        "spawn_key": list(now.spawn_key),
        "spawned": now.n_children_spawned,
    }


def set_state(state: Mapping[str, object]) -> None:
    """Let the sequence of the process go on where `state` was asked for.

    >>> before = state()
    >>> drawn = next_seed()
    >>> set_state(before)
    >>> next_seed() == drawn
    True
    """
    _source[0] = np.random.SeedSequence(
        cast("int | None", state["entropy"]),
        spawn_key=cast("list[int]", state["spawn_key"]),
        n_children_spawned=cast(int, state["spawned"]),
    )


def next_seed() -> int:
    """A fresh seed, the next one of the process."""
    (child,) = _source[0].spawn(1)
    return int(child.generate_state(1, np.uint64)[0])


def generator(seed: int | SeedGenerator | None = None) -> np.random.Generator:
    """NumPy's generator for a seed, for the next of a sequence, or for the next of the process."""
    if isinstance(seed, SeedGenerator):
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed.take())))
    return np.random.Generator(np.random.Philox(next_seed() if seed is None else seed))


class SeedGenerator:
    """A sequence of keys: the n-th is fold_in(key(seed), n), with n a variable.

    Each use announces n + 1 as an effect, so a compiled step draws anew at every run.
    """

    def __init__(self, seed: int | None = None, *, name: str = "seed_generator") -> None:
        self._seed, self.name = seed, name
        self.state: Variable = variable(
            0, dtypes.uint32, name=f"{name}/seed_generator_state", trainable=False
        )

    @property
    def seed(self) -> int:
        """The seed; where none was given, one is drawn at the first use, so that `set_seed` counts
        for layers that are there already."""
        if self._seed is None:
            self._seed = next_seed()
        return self._seed

    @seed.setter
    def seed(self, value: int) -> None:
        self._seed = value

    def next_key(self) -> Tensor:
        """The key of the present number; the number goes up by one."""
        count = effects.latest(self.state)
        # The key comes first: in eager mode the update changes what `count` reads.
        key = random.fold_in(random.key(self.seed), count)
        effects.update(self.state, elementwise.add(count, 1))
        return key

    def take(self) -> tuple[int, int]:
        """The seed and the present number, for drawing on the host; the number goes up by one."""
        number = int(self.state.storage)
        self.state.assign(np.uint32(number + 1))
        return self.seed, number

    def get_config(self) -> dict[str, object]:
        """The arguments that make a sequence from its beginning."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A sequence from what `get_config` gave."""
        return cls(**config)  # pyright: ignore[reportArgumentType]
