"""Which dtypes layers compute in and keep their weights in: Keras's dtype policies.

`mixed_bfloat16` computes in bfloat16 with weights, sums of products and losses in float32; a CPU
with AVX512-BF16 does products twice as fast so. Sums are as exact as in float32, and gradients need
no scale, for bfloat16 has the range of float32.

`mixed_float16` does the same in float16, whose range is small: 6e-8 to 65504. `compile` puts a loss
scale around the optimizer of such a model, which grows and shrinks by itself.
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

MIXED = {"mixed_float16": dtypes.float16, "mixed_bfloat16": dtypes.bfloat16}


@dataclass(frozen=True, slots=True)
class DTypePolicy:
    """What a layer computes in, and what its weights are.

    The name is that of one dtype for everything, or one of `MIXED`.

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype.name, policy.variable_dtype.name
    ('bfloat16', 'float32')
    """

    name: str

    def __post_init__(self) -> None:
        if self.name.startswith("mixed_") and self.name not in MIXED:
            raise ArgumentError(
                "no such dtype policy", received=self.name, expected=", ".join(MIXED)
            )
        as_dtype(MIXED.get(self.name, self.name))

    @property
    def compute_dtype(self) -> DType:
        """What the layer computes in."""
        return as_dtype(MIXED.get(self.name, self.name))

    @property
    def variable_dtype(self) -> DType:
        """What its weights are."""
        return dtypes.float32 if self.is_mixed else self.compute_dtype

    @property
    def is_mixed(self) -> bool:
        """Whether the two differ."""
        return self.name in MIXED


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
    return DTypePolicy(given if isinstance(given, str) else as_dtype(given).name)


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
