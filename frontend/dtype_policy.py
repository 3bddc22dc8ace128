"""Which dtypes layers compute in and keep their weights in: Keras's dtype policies.

`mixed_bfloat16` computes in bfloat16 with weights, sums of products and losses in float32; a CPU
with AVX512-BF16 does products twice as fast so. Sums are as exact as in float32, and gradients need
no scale, for bfloat16 has the range of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from graphc import dtypes
from graphc.dtypes import DType, DTypeLike, as_dtype
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import convert
from graphc.ops.variable import Variable

from .config import floatx

MIXED = {"mixed_bfloat16": dtypes.bfloat16}


@dataclass(frozen=True, slots=True)
class DTypePolicy:
    """What a layer computes in, and what its weights are.

    >>> policy = policy_of("mixed_bfloat16")
    >>> policy.compute_dtype.name, policy.variable_dtype.name
    ('bfloat16', 'float32')
    """

    name: str
    compute_dtype: DType
    variable_dtype: DType

    @property
    def is_mixed(self) -> bool:
        """Whether the two differ."""
        return self.compute_dtype is not self.variable_dtype


PolicyLike = DTypePolicy | DTypeLike
_policies: dict[str, DTypePolicy] = {}
"""The global policy, once it is set."""


def policy_of(given: PolicyLike | None = None) -> DTypePolicy:
    """A policy by its name or by one dtype for everything; the global one for None.

    Raises:
        ArgumentError: neither a policy nor a dtype.
    """
    if given is None:
        return dtype_policy()
    if isinstance(given, DTypePolicy):
        return given
    if isinstance(given, str) and given in MIXED:
        return DTypePolicy(given, MIXED[given], dtypes.float32)
    if isinstance(given, str) and given.startswith("mixed_"):
        raise ArgumentError("no such dtype policy", received=given, expected=", ".join(MIXED))
    kind = as_dtype(given)
    return DTypePolicy(kind.name, kind, kind)


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are made without `dtype=`; at first `floatx()` for everything."""
    return _policies["global"] if _policies else policy_of(floatx())


def set_dtype_policy(policy: PolicyLike) -> None:
    """Set the policy of the layers that are made from now on.

    >>> set_dtype_policy("mixed_bfloat16")
    >>> dtype_policy().name
    'mixed_bfloat16'
    >>> set_dtype_policy("float32")

    Raises:
        ArgumentError: neither a policy nor a dtype.
    """
    _policies["global"] = policy_of(policy)


@contextmanager
def weights_in(policy: DTypePolicy) -> Iterator[None]:
    """Trained weights that a call reads are of the dtype it computes in."""

    def read(tensor: Tensor) -> Tensor:
        is_weight = isinstance(tensor, Variable) and tensor.trainable and tensor.dtype.is_float
        return convert.cast(tensor, policy.compute_dtype) if is_weight else tensor

    reader: Callable[[Tensor], Tensor] | None = read if policy.is_mixed else None
    token = convert.READER.set(reader)
    try:
        yield
    finally:
        convert.READER.reset(token)
