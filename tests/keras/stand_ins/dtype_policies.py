"""keras.src.dtype_policies: only the global policy that tests save and restore."""

from __future__ import annotations

from types import SimpleNamespace

_policy = ["float32"]


def _set(policy: str) -> None:
    _policy[0] = policy


dtype_policy = SimpleNamespace(dtype_policy=lambda: _policy[0], set_dtype_policy=_set)
