"""Derivatives of the product of tensors: products again, in the order of the factor's axes."""

from __future__ import annotations

from graphc.ir.node import Tensor
from graphc.ops import movement
from graphc.ops.matmul import AxisPair, dot_general, dot_general_op

from .reduce import inverse
from .rules import bilinear

Axes = tuple[int, ...]


def _free(x: Tensor, *bound: Axes) -> Axes:
    return tuple(i for i in range(x.ndim) if all(i not in axes for axes in bound))


def left_vjp(
    ct: Tensor, y: Tensor, a: Tensor, b: Tensor, *, contract: AxisPair, batch: AxisPair
) -> Tensor:
    """da = ct . b over the free axes of b; y = a @ w gives da = ct @ w.T.

    The product has the batch axes, the free axes of a, and the contracted axes in b's order.
    """
    (a_sum, b_sum), (a_batch, b_batch) = contract, batch
    free_a, free_b = _free(a, a_sum, a_batch), _free(b, b_sum, b_batch)
    lead = tuple(range(len(a_batch)))
    tail = tuple(range(ct.ndim - len(free_b), ct.ndim))
    product = dot_general(ct, b, (tail, free_b), (lead, b_batch))
    order = (*a_batch, *free_a, *(i for _, i in sorted(zip(b_sum, a_sum))))
    return movement.transpose(product, inverse(order))


def right_vjp(
    ct: Tensor, y: Tensor, a: Tensor, b: Tensor, *, contract: AxisPair, batch: AxisPair
) -> Tensor:
    """db = a . ct over the free axes of a; y = x @ b gives db = x.T @ ct.

    The product has the batch axes, the contracted axes in a's order, and the free axes of b.
    """
    (a_sum, b_sum), (a_batch, b_batch) = contract, batch
    free_a, free_b = _free(a, a_sum, a_batch), _free(b, b_sum, b_batch)
    lead = tuple(range(len(a_batch)))
    middle = tuple(range(len(lead), len(lead) + len(free_a)))
    product = dot_general(a, ct, (free_a, middle), (a_batch, lead))
    order = (*b_batch, *(j for _, j in sorted(zip(a_sum, b_sum))), *free_b)
    return movement.transpose(product, inverse(order))


bilinear(dot_general_op, left_vjp, right_vjp)
