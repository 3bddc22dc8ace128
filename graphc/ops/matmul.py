"""dot_general, the one product of tensors, and matmul, tensordot and einsum from it."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ir.dim import Shape, may_equal
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from . import convert, movement
from .convert import TensorLike

AxisPair = tuple[tuple[int, ...], tuple[int, ...]]


def _infer_dot_general(a: Tensor, b: Tensor, *, contract: AxisPair, batch: AxisPair) -> TensorType:
    if a.dtype is not b.dtype or a.dtype.kind == "b":
        raise DTypeError("factors have one dtype of numbers", received=(a.dtype, b.dtype))
    for (i, j), what in zip((contract, batch), ("contracted", "batch")):
        if len(i) != len(j) or not all(may_equal(a.shape[x], b.shape[y]) for x, y in zip(i, j)):
            raise ShapeError(
                f"{what} axes of a product differ",
                received=f"{a.shape} axes {i}, {b.shape} axes {j}",
                expected="axes of equal sizes",
            )
    return TensorType(
        tuple(a.shape[i] for i in batch[0])
        + free_shape(a, contract[0] + batch[0])
        + free_shape(b, contract[1] + batch[1]),
        a.dtype,
    )


def free_shape(x: Tensor, bound: tuple[int, ...]) -> Shape:
    """The sizes of the axes that are neither contracted nor batch axes."""
    return tuple(s for i, s in enumerate(x.shape) if i not in bound)


dot_general_op = Op("dot_general", _infer_dot_general)
OPS = (dot_general_op,)


def dot_general(
    a: TensorLike, b: TensorLike, contract: tuple[Sequence[int], Sequence[int]],
    batch: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> Tensor:  # fmt: skip
    """The sum of products over pairs of contracted axes, separately for pairs of batch axes.

    The result has the batch axes, then the free axes of a, then those of b.
    """
    x, y = convert.promote(a, b)
    pairs = [
        (tuple(i % x.ndim for i in p), tuple(j % y.ndim for j in q)) for p, q in (contract, batch)
    ]
    return build(dot_general_op, (x, y), {"contract": pairs[0], "batch": pairs[1]})[0]


def matmul(a: TensorLike, b: TensorLike) -> Tensor:
    """The matrix product over the last axis of a and the last but one of b; leading axes broadcast.

    y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]

    >>> from . import leaf
    >>> matmul(leaf.zeros((2, 3)), leaf.zeros((3, 5))).shape
    (2, 5)
    """
    x, y = convert.promote(a, b)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError("matmul takes no scalars", received=(x.shape, y.shape), fix="use a * b")
    if y.ndim <= 2 or x.ndim == 1:
        contract = ((x.ndim - 1,), (max(y.ndim - 2, 0),))
        if not may_equal(x.shape[-1], y.shape[contract[1][0]]):
            raise _mismatch(x, y)
        return build(dot_general_op, (x, y), {"contract": contract, "batch": ((), ())})[0]
    if not may_equal(x.shape[-1], y.shape[-2]):
        raise _mismatch(x, y)
    return _batched(x, y)


def _mismatch(x: Tensor, y: Tensor) -> ShapeError:
    return ShapeError(
        "the inner sizes of a matrix product differ",
        received=f"{x.shape} @ {y.shape}",
        expected="the last axis of the left as long as the last but one of the right",
        fix="transpose an input, or check the number of features",
    )


def _batched(x: Tensor, y: Tensor) -> Tensor:
    lead = convert.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x = convert.broadcast_to(x, (*lead, *x.shape[-2:]))
    y = convert.broadcast_to(y, (*lead, *y.shape[-2:]))
    axes = tuple(range(len(lead)))
    contract = ((x.ndim - 1,), (y.ndim - 2,))
    return build(dot_general_op, (x, y), {"contract": contract, "batch": (axes, axes)})[0]


def tensordot(
    a: TensorLike, b: TensorLike, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> Tensor:
    """Sums of products over pairs of axes; n means the last n axes of a and the first n of b."""
    x, y = convert.promote(a, b)
    if isinstance(axes, int):
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    return dot_general(x, y, axes)


def outer(a: TensorLike, b: TensorLike) -> Tensor:
    """All products of elements of two vectors."""
    return dot_general(a, b, ((), ()))


def dot(a: TensorLike, b: TensorLike) -> Tensor:
    """NumPy's dot: the inner product of vectors, else over the last and the last but one axis."""
    x, y = convert.promote(a, b)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError("dot takes no scalars", received=(x.shape, y.shape), fix="use a * b")
    return dot_general(x, y, ((x.ndim - 1,), (max(y.ndim - 2, 0),)))


def einsum(equation: str, *operands: TensorLike) -> Tensor:
    """Sums of products by index letters, without repeated letters in one operand and without "...".

    >>> from . import leaf
    >>> einsum("bik,bkj->bij", leaf.zeros((2, 3, 4)), leaf.zeros((2, 4, 5))).shape
    (2, 3, 5)
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    tensors = convert.promote(*operands)
    letters = "".join(terms)
    if not arrow:
        output = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    valid = len(terms) == len(tensors) and all(
        len(t) == x.ndim and len(set(t)) == len(t) and t.isalpha() for t, x in zip(terms, tensors)
    )
    if not valid or not set(output) <= set(letters) or len(set(output)) != len(output):
        raise ArgumentError(
            "not an einsum equation for these operands",
            received=f"{equation!r} for {[x.shape for x in tensors]}",
            expected="one letter per axis, each at most once in an operand",
        )
    term, result = terms[0], tensors[0]
    for n, (next_term, x) in enumerate(zip(terms[1:], tensors[1:]), start=2):
        later = set(output).union(*terms[n:])
        term, result = _einsum_pair(term, result, next_term, x, later)
    return _einsum_finish(term, result, output)


def _einsum_pair(
    s: str, x: Tensor, t: str, y: Tensor, later: set[str]
) -> tuple[str, Tensor]:  # fmt: skip
    s, x = _sum_out(s, x, later | set(t))
    t, y = _sum_out(t, y, later | set(s))
    shared = [c for c in s if c in t]
    batch = [c for c in shared if c in later]
    over = [c for c in shared if c not in later]
    pair = lambda names: ([s.index(c) for c in names], [t.index(c) for c in names])  # noqa: E731
    result = dot_general(x, y, pair(over), pair(batch))
    free = [c for c in s if c not in shared] + [c for c in t if c not in shared]
    return "".join(batch + free), result


def _sum_out(term: str, x: Tensor, keep: set[str]) -> tuple[str, Tensor]:
    """Sum over letters that nothing else needs: a product with a vector of ones."""
    gone = [i for i, c in enumerate(term) if c not in keep]
    for i in reversed(gone):
        ones = convert.as_tensor(1, x.dtype)
        x = dot_general(x, convert.broadcast_to(ones, (x.shape[i],)), ([i], [0]))
    return "".join(c for c in term if c in keep), x


def _einsum_finish(term: str, x: Tensor, output: str) -> Tensor:
    term, x = _sum_out(term, x, set(output))
    return movement.transpose(x, [term.index(c) for c in output])
