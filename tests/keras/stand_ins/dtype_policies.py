"""keras.src.dtype_policies: the global policy that tests save and restore, and dtypes as policies.

graphc has no policies: a loss or metric of a mixed policy is one of its compute dtype.
"""

from __future__ import annotations

from types import SimpleNamespace

_policy = ["float32"]


def _set(policy: str) -> None:
    _policy[0] = policy


dtype_policy = SimpleNamespace(dtype_policy=lambda: _policy[0], set_dtype_policy=_set)


def serialize(policy: object) -> object:
    return getattr(policy, "name", policy)


def DTypePolicy(name: str) -> str:
    return name.removeprefix("mixed_")
