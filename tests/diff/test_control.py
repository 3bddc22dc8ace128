"""Loops and custom gradients: what is kept, what is skipped, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from graphc.backends.reference.evaluate import evaluate
from graphc.diff.custom import custom_gradient
from graphc.diff.forward import jvp
from graphc.diff.reverse import grad, vjp
from graphc.errors import DifferentiationError
from graphc.ir.graph import topological
from graphc.ir.mode import build
from graphc.ir.node import OPS, Node, Op, Tensor
from graphc.ops import control, elementwise, leaf, matmul

from .checking import check

Row = tuple[Tensor, Tensor]


def nodes(op: Op, roots: list[Tensor]) -> list[Node]:
    return [n for n in topological(roots) if n.op is op]


def scans(loss: Tensor, wrt: list[Tensor]) -> tuple[list[Node], list[Node]]:
    """The forward and the backward scans of a gradient."""
    found = nodes(control.scan_op, [*grad(loss, wrt)])
    return [n for n in found if not n.attrs["reverse"]], [n for n in found if n.attrs["reverse"]]


def test_sums_keep_nothing() -> None:
    """A linear body needs no value of its own: no wider scan, nothing stacked."""
    x = leaf.placeholder((5, 3))
    total, sums = control.scan(lambda c, r: (c + 2.0 * r, c), leaf.zeros((3,)), x)
    forward, (backward,) = scans((total + sums.sum(0)).sum(), [x])
    assert not forward
    assert backward.attrs["scanned"] == 1


def test_only_what_is_read_is_kept() -> None:
    """tanh keeps its result, the product its factor; what rules make of them is not kept."""
    h, w, xs = leaf.placeholder((3,)), leaf.placeholder((3, 3)), leaf.placeholder((5, 3))

    def step(c: Tensor, x: Tensor) -> Row:
        new = elementwise.tanh(matmul.matmul(c, w) + x)
        return new, new

    last, _ = control.scan(step, h, xs)
    (wider,), _ = scans(last.sum(), [h, w, xs])
    assert len(wider.types) == 3  # last carry, results (they are kept anyway), carries
    last, rows = control.scan(lambda c, x: (c * w[0] + x, c), h, xs)
    forward, _ = scans(rows.sum(), [h])
    assert not forward


def test_cheap_values_are_made_again() -> None:
    """sin(x) is a function of the row, which is read anyway."""
    xs = leaf.placeholder((5, 3))

    def step(c: Tensor, x: Tensor) -> Row:
        return c + elementwise.sin(x) * x, c

    total, _ = control.scan(step, leaf.zeros((3,)), xs)
    forward, (backward,) = scans(total.sum(), [xs])
    assert not forward
    assert backward.attrs["scanned"] == 1


def test_unused_carries_are_not_carried_back() -> None:
    a, b, xs = leaf.placeholder(()), leaf.placeholder(()), leaf.placeholder((5,))
    (p, _), _ = control.scan(lambda c, x: ((c[0] * x, c[1] + x), ()), (a, b), xs)
    _, (backward,) = scans(p, [a, xs])
    assert backward.attrs["carries"] == 1


def test_parts_that_do_not_meet() -> None:
    """A cotangent of one carry, a derivative by what only the other depends on: zero, no loop."""
    a, b, xs = leaf.placeholder((2,)), leaf.placeholder((2,)), leaf.placeholder((5, 2))
    (p, _), _ = control.scan(lambda c, x: ((c[0] * 2.0, c[1] * x), ()), (a, b), xs)
    q, r = control.while_loop(lambda c: c[0][0] < 9, lambda c: (c[0] * 2.0, c[1] * b), (a, b))
    for y, x in ((p, b), (p, xs), (q, b)):
        for result in (grad(y.sum(), x), *jvp([y], [x], [1.0])):
            assert result.node.op is leaf.full_op
    assert grad(r.sum(), b).node.op is not leaf.full_op


@pytest.mark.parametrize("length", [0, 1, 7])
def test_lengths(length: int) -> None:
    rows = np.linspace(-0.9, 1.1, 2 * length).reshape(length, 2)

    def run(h: Tensor, xs: Tensor) -> list[Tensor]:
        return list(control.scan(lambda c, x: (elementwise.sin(c) * x + c, c), h, xs))

    check(run, [np.array([0.3, -1.2]), rows])


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_steps_of_while(steps: int) -> None:
    def run(x: Tensor) -> Tensor:
        return control.while_loop(
            lambda c: c[0] < steps,
            lambda c: (c[0] + 1, elementwise.sin(c[1]) * x),
            (leaf.full((), 0), x),
        )[1]

    check(run, [np.array([0.3, -1.2])])


def test_while_inside_scan_inside_cond() -> None:
    def run(x: Tensor, w: Tensor) -> Tensor:
        def inner(c: Tensor) -> Tensor:
            loop = control.while_loop(
                lambda s: s[0] < 2, lambda s: (s[0] + 1, s[1] * w + 0.1), (leaf.full((), 0), c)
            )
            return loop[1]

        def branch(t: Tensor) -> Tensor:
            return control.scan(lambda c, r: (elementwise.tanh(inner(c) + r), c), t[0], t)[0]

        return control.cond(x.sum() > 0, branch, lambda t: t[0] * w, x)

    check(run, [np.array([0.3, 0.9, -0.4]), np.array(0.7)])
    check(run, [np.array([0.3, -0.9, -0.4]), np.array(0.7)])


def test_captured_tensor_of_the_graph() -> None:
    """What is used from outside gets its derivative, through what made it."""

    def run(x: Tensor, xs: Tensor) -> Tensor:
        made = elementwise.exp(x)
        return control.scan(lambda c, r: (c * made + r, c * x), x, xs)[0]

    check(run, [np.array([0.2, -0.4]), np.ones((3, 2))])


# ---------------------------------------------------------------------------- custom gradients


@custom_gradient
def clipped(x: Tensor, scale: Tensor) -> tuple[Tensor, object]:
    """The identity, whose cotangent is limited to -scale .. scale."""
    return elementwise.add(x, 0.0), lambda ct: (elementwise.clip(ct, -1.0, 1.0) * scale, None)


def test_custom_gradient_replaces_the_own() -> None:
    x, s = leaf.placeholder((3,), "float64"), leaf.placeholder((), "float64")
    dx, ds = vjp([clipped(x, s)], [x, s], [[5.0, -0.5, -7.0]])
    found = evaluate([dx, ds], {x: np.ones(3), s: np.array(2.0)})
    np.testing.assert_array_equal(found[0], [2, -1, -2])
    assert found[1] == 0


def test_custom_gradient_with_several_results() -> None:
    @custom_gradient
    def polar(x: Tensor, y: Tensor) -> tuple[list[Tensor], object]:
        r, a = elementwise.sqrt(x * x + y * y), elementwise.atan2(y, x)

        def backward(dr: Tensor, da: Tensor) -> list[Tensor]:
            cos, sin = elementwise.cos(a), elementwise.sin(a)
            return [dr * cos - da * sin / r, dr * sin + da * cos / r]

        return [r, a], backward

    check(polar, [np.array([0.7, 1.1]), np.array([-0.4, 0.9])])


def test_custom_gradient_inside_scan() -> None:
    @custom_gradient
    def cube(x: Tensor) -> tuple[Tensor, object]:
        square = x * x
        return square * x, lambda ct: 3.0 * ct * square

    def run(h: Tensor, xs: Tensor) -> Tensor:
        return control.scan(lambda c, x: (cube(c) + x, ()), h, xs)[0]

    check(run, [np.array([0.3, -0.2]), np.full((3, 2), 0.4)])


def test_custom_gradient_answers_for_its_arguments_only() -> None:
    w, x = leaf.placeholder(()), leaf.placeholder(())

    @custom_gradient
    def scaled(t: Tensor) -> tuple[Tensor, object]:
        return t * w, lambda ct: ct * w

    assert grad(scaled(x), x).shape == ()
    with pytest.raises(DifferentiationError, match="no argument"):
        grad(scaled(x), w)
    with pytest.raises(DifferentiationError, match="one cotangent per input"):
        custom_gradient(lambda t: (t * t, lambda ct: (ct, ct)))(x)


@pytest.fixture
def lonely() -> Iterator[Op]:
    yield Op("lonely", lambda x: x.type)
    del OPS["lonely"]


def test_op_without_rule(lonely: Op) -> None:
    x = leaf.placeholder(())
    y = elementwise.exp(build(lonely, (x,), {})[0])
    with pytest.raises(DifferentiationError, match="lonely has no derivative rule"):
        grad(y, x)
    with pytest.raises(DifferentiationError, match="lonely"):
        jvp([y], [x], [1.0])
