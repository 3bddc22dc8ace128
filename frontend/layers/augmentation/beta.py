"""Draws from the beta distribution, in the graph, from a fixed number of uniform and normal draws.

X / (X + Y) is Beta(a, a) for X and Y from Gamma(a). Gamma(a) for a >= 1 is d v, d = a - 1/3,
v = (1 + z / sqrt(9 d))**3 with z normal, taken if log u < z**2 / 2 + d (1 - v + log v) (Marsaglia,
Tsang 2000); for a < 1 it is Gamma(a + 1) u**(1 / a). All of it in logarithms, since u**(1 / a)
leaves the range of floats for small a.
"""

from __future__ import annotations

from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, random

from .base import Draws

# A round is refused less than once in twenty times; after seven of them 1 is left in 1e9.
_ROUNDS = 7


def beta(draws: Draws, alpha: float | Tensor) -> Tensor:
    """One number per image from Beta(alpha, alpha), alpha > 0."""
    shape = convert.broadcast_to(convert.as_tensor(alpha), (draws.count,))
    return elementwise.sigmoid(_log_gamma(draws, shape) - _log_gamma(draws, shape))


def _log_gamma(draws: Draws, alpha: Tensor) -> Tensor:
    """The logarithm of a draw from Gamma(alpha)."""
    small = elementwise.less(alpha, 1.0)
    d = elementwise.where(small, alpha + 1.0, alpha) - 1 / 3
    scale = elementwise.rsqrt(d * 9.0)
    log_v, found = d * 0.0, elementwise.less(d, 0.0)
    for _ in range(_ROUNDS):
        z = random.normal(draws.fresh(), (draws.count,))
        root = 1.0 + z * scale
        safe = elementwise.maximum(root, 1e-6)
        logarithm = elementwise.log(safe) * 3.0
        v = safe * safe * safe
        wanted = elementwise.log(1.0 - draws.uniform())
        limit = z * z * 0.5 + d * (1.0 - v + logarithm)
        taken = elementwise.logical_and(
            elementwise.greater(root, 0.0), elementwise.less(wanted, limit)
        )
        fresh = elementwise.logical_and(taken, elementwise.logical_not(found))
        log_v = elementwise.where(fresh, logarithm, log_v)
        found = elementwise.logical_or(found, taken)
    rest = elementwise.log(1.0 - draws.uniform()) / alpha
    return elementwise.log(d) + log_v + elementwise.where(small, rest, 0.0)
