"""`function`: from tensors to something that can be called with arrays.

    inputs, outputs, updates -> graph -> sizes unified -> passes -> backend -> Function

What each step does is in its own place (`passes/pipeline.py`, `schedule/`, the backends); this file
only puts them in order and keeps what a call needs.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from graphc import feed, knobs, provenance
from graphc.batches import cut_inputs, joined_outputs, one_by_one
from graphc.debug import log, stages
from graphc.errors import ArgumentError, DTypeError, ModeError, ShapeError, UnknownNameError
from graphc.interrupts import heard
from graphc.ir.dim import Size, may_equal
from graphc.ir.graph import Graph, graph, topological
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops.control import without_labels
from graphc.ops.leaf import placeholder_op
from graphc.ops.variable import Variable
from graphc.passes.options import Options
from graphc.passes.pipeline import run
from graphc.passes.unify_sizes import SizeCheck, unify_sizes
from graphc.program import Draft, Program, Report
from graphc.schedule.budget import within_budget
from graphc.schedule.plan import KernelStep
from graphc.schedule.schedule import SCHEDULE_PASSES
from graphc.target import Executable, Hosting, Memory, Planned, Planning, Repeating, backend, built

Run = Callable[..., Sequence[object]]
Updates = Mapping[Variable, Tensor] | Iterable[tuple[Variable, Tensor]]

_unnamed = itertools.count(1)


class Function:
    """A compiled function of arrays; made by `function`."""

    def __init__(
        self, draft: Draft, form: Tree[Tensor], target: str, on_device: bool = False
    ) -> None:
        self.draft, self.form, self.target = draft, form, target
        self.name = draft.name
        self.executable, interface = built(draft, target)
        hosting = self.executable if isinstance(self.executable, Hosting) else None
        adopt = hosting.adopt if hosting else None
        self._feed = feed.Feeder(interface.inputs, interface.checks, self.name, adopt)
        self._run: Run = _there(hosting, target) if on_device else self.executable.run
        self._updated = tuple(draft.variables[i] for i in draft.updated)
        self._is_one = isinstance(form, Tensor)

    @property
    def program(self) -> Program:
        """The graph after all passes; they run now if the compiled function was in the cache."""
        return self.draft.program

    @property
    def report(self) -> Report:
        """What the passes did."""
        return self.draft.report

    def __call__(self, /, *args: object, **kwargs: object) -> Tree[np.ndarray]:
        """The outputs for the given inputs, by position or by name; variables are updated."""
        arrays, sizes = self._feed(args, kwargs)
        try:
            results = self._run(arrays, sizes)
        finally:
            for variable in self._updated:
                variable.changed()
        return results[0] if self._is_one else like(self.form, results)  # pyright: ignore[reportReturnType]

    def each_batch(
        self, /, *args: object, size: int, order: object = None, **kwargs: object
    ) -> Tree[np.ndarray]:
        """Call once for each batch of `size` rows of the inputs, in one native call.

            for i in range(0, len(order), size):
                results.append(function(x[order[i : i + size]], y[order[i : i + size]]))

        Inputs whose first size is that of the first input are cut (without `order`: from the first
        row to the last), the others are the same in every call; the last batch may be smaller. An
        output with a row per example comes back with a row for each of all examples, any other with
        a row for each call. Between two calls all variables are those of a whole number of calls:
        where one fails, or is interrupted, the calls before it are done.

        Raises:
            FeedError: values that do not fit the inputs, results that do not fit together.
            OutOfRangeError: a row number outside of the arrays, or an error of one call.
        """
        given = self._feed.batches(args, kwargs, size, order)
        joined = joined_outputs(self._results(), self._batch_sizes(), self.name)
        whole = replace(given, is_joined=joined)
        executable = self.executable
        try:
            if isinstance(executable, Repeating):
                results = executable.repeat(whole)
            else:
                results = one_by_one(executable.run, whole)
        finally:
            for variable in self._updated:
                variable.changed()
        return results[0] if self._is_one else like(self.form, results)  # pyright: ignore[reportReturnType]

    def _results(self) -> tuple[Tensor, ...]:
        return self.draft.graph.outputs[: self.draft.results]

    def _batch_sizes(self) -> frozenset[Size]:
        """The sizes that count examples, as they are called in the draft."""
        cut = cut_inputs(self._feed.inputs, self.name)
        drafted = self.draft.graph.inputs[: self.draft.inputs]
        return frozenset(t.shape[0] for t, is_cut in zip(drafted, cut) if is_cut)

    def memory(self, *shapes: Sequence[int]) -> Memory:
        """What a call needs with inputs of these shapes, without running it.

        >>> from graphc.ops import leaf
        >>> x = leaf.placeholder((None, 3), name="x")
        >>> function(x, x + x, target="llvm_cpu").memory((1000, 3)).results
        12000

        Raises:
            FeedError: shapes that the inputs cannot have, or none for some input.
            ModeError: a backend that does not plan memory.
        """
        executable = self.executable
        if not isinstance(executable, Planning):
            raise ModeError(f"{self.target} does not plan memory", fix='use target="llvm_cpu"')
        return executable.needs(self._feed.sizes(shapes))

    def explain(self) -> str:
        """What the compiler did: passes, kernels, fusion decisions with reasons, memory."""
        return self.executable.explain(self.report)

    def __repr__(self) -> str:
        names = ", ".join(f"{t.name}: {t.type}" for t in self._feed.inputs)
        return f"<function {self.name}({names}) on {self.target}>"


@heard()
def function(
    inputs: Tensor | Sequence[Tensor], outputs: Tree[Tensor], *, updates: Updates = (),
    target: str | None = None, name: str | None = None, inference: bool = False,
    fast_math: bool = False, disable: Collection[str] = (), memory_budget: float | None = None,
    on_device: bool = False,
) -> Function:  # fmt: skip
    """Compile the computation of outputs from inputs.

    Inputs are placeholders; outputs may be nested tuples, lists and dicts of tensors, and come back
    in the same form as arrays. `updates` says what variables become after the call. Everything is
    computed from the values that variables have when the call starts. One compile serves every
    value of the symbolic sizes.

    `inference` says that variables are not trained, so work on them alone may be moved in front of
    work on data. `fast_math` allows rewrites that hold for real numbers but round differently.
    `disable` names passes to leave out: those of `graphc.passes.pipeline`, and of the schedule
    "fuse", "in_place" and "reuse_memory". `memory_budget` bounds the memory of intermediate arrays,
    in bytes (an int) or as a share of what is needed without it (a float up to 1): parts of the
    forward pass are then computed again in the backward pass, with equal results up to rounding.
    `on_device` leaves the results of calls in the memory of the target, as arrays with DLPack.

    >>> from graphc.ops import leaf
    >>> x = leaf.placeholder((None,), name="x")
    >>> double = function(x, x + x, target="reference")
    >>> double([1.0, 2.0]).tolist()
    [2.0, 4.0]
    """
    label = _label(name)
    ins = _checked_inputs(inputs, label)
    results = _checked_outputs(outputs, label)
    pairs = _pairs(updates)
    news = [_check_update(v, t) for v, t in pairs]
    plain = without_labels([*results, *news])
    results, news = plain[: len(results)], plain[len(results) :]
    _check_once([v for v, _ in pairs])
    found = _variables([*results, *news], [v for v, _ in pairs])
    _check_closed([*results, *news], ins, label)
    _check_names(ins, found, label)
    position = {v: i for i, v in enumerate(found)}
    draft = Draft(
        label,
        graph((*ins, *found), (*results, *news)),
        len(ins),
        tuple(found),
        len(results),
        tuple(position[v] for v, _ in pairs),
        Options(_evaluate, fast_math, inference, memory_budget),
        frozenset(disable),
        _finished,
    )
    start = time.perf_counter()
    made = Function(draft, outputs, target or knobs.standard_target(), on_device)
    if log.is_on(log.COMPILES):
        passes = sum(r.seconds for r in draft.report)
        seconds = time.perf_counter() - start - passes
        kernels = _kernels(made.executable)
        log.say(log.COMPILES, log.summary(label, draft.report, kernels, seconds))
    return made


def _there(hosting: Hosting | None, target: str) -> Run:
    if hosting is None:
        raise ModeError(
            f"{target} has no memory of its own for results",
            received="on_device=True",
            fix='leave it out, or use target="triton_gpu"',
        )
    return hosting.run_there


def _finished(draft: Draft) -> tuple[Program, Report]:
    """The program of a draft, and what the passes did."""
    final, checks, report = optimise(draft.name, draft.graph, draft.options, draft.disabled)
    inputs = final.inputs[: draft.inputs]
    program = Program(
        draft.name, final, inputs, draft.variables, draft.results, draft.updated, checks,
        draft.disabled,
    )  # fmt: skip
    budget = draft.options.memory_budget
    return program if budget is None else within_budget(program, budget), report


def simplify(outputs: Tree[Tensor], *, fast_math: bool = True) -> Tree[Tensor]:
    """The same values as fewer operations: what the passes leave, for printing and drawing.

    >>> from graphc.diff.reverse import grad
    >>> from graphc.ir.formula import formula
    >>> from graphc.ops import leaf
    >>> x = leaf.placeholder((), name="x")
    >>> formula(simplify(grad(x * x, x)))
    '2 * x'
    """
    flat = leaves(outputs)
    inputs = [t for n in topological(flat) if n.op is placeholder_op for t in n.outputs]
    given = graph((*inputs, *_variables(flat, [])), without_labels(flat))
    final, _, _ = optimise("simplify", given, Options(_evaluate, fast_math), ["contract_fma"])
    return like(outputs, final.outputs)  # pyright: ignore[reportReturnType]


def _kernels(executable: Executable) -> int | None:
    """How many kernels it runs, those of loops and branches too; None if it has none."""
    if not isinstance(executable, Planned):
        return None
    return sum(isinstance(step, KernelStep) for _, step in stages.numbered(executable.plan))


def optimise(
    label: str, built: Graph, options: Options, disable: Collection[str] = ()
) -> tuple[Graph, tuple[SizeCheck, ...], Report]:
    """The graph after all passes that are not disabled, what to check at calls, and a report."""
    unified, checks = unify_sizes(built)
    passes = [name for name in disable if name not in SCHEDULE_PASSES]
    final, report = run(unified, options, passes, log.observer(label))
    return final, checks, report


def _evaluate(node: Node, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """What constants are folded with: the meaning of the language, whatever the target."""
    return backend("reference").evaluate_node(inputs, node)


def _label(name: str | None) -> str:
    if name is not None and not isinstance(name, str):
        raise ArgumentError("the name of a function is a text", received=repr(name))
    return name or f"function_{next(_unnamed)}"


def _checked_inputs(inputs: Tensor | Sequence[Tensor], label: str) -> list[Tensor]:
    if not isinstance(inputs, Tensor | Iterable):
        raise ArgumentError(
            f"the inputs of {label} are a placeholder or a list of them", received=repr(inputs)
        )
    found = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    names: set[str] = set()
    for t in found:
        if not isinstance(t, Tensor) or t.node.op is not placeholder_op:
            raise ArgumentError(
                f"an input of {label} is no placeholder",
                received=repr(t),
                fix="make inputs with gx.placeholder; variables are found by themselves",
            )
        if t.name in names:
            raise ArgumentError(f"two inputs of {label} are called {t.name}")
        names.add(t.name)
    return found


def _checked_outputs(outputs: Tree[Tensor], label: str) -> list[Tensor]:
    found = leaves(outputs)
    for t in found:
        if not isinstance(t, Tensor):
            raise DTypeError(
                f"an output of {label} is no tensor",
                received=repr(t),
                expected="tensors in nested lists, tuples and dicts",
                fix="make numbers and arrays tensors with gx.constant",
            )
    return found


def _pairs(updates: Updates) -> list[tuple[Variable, Tensor]]:
    pairs = updates.items() if isinstance(updates, Mapping) else updates
    try:
        return [(v, t) for v, t in cast(Iterable[tuple[Variable, Tensor]], pairs)]
    except (TypeError, ValueError):
        raise ArgumentError(
            "updates are a dict or pairs of variables and tensors", received=repr(updates)
        ) from None


def _check_names(inputs: list[Tensor], variables: list[Variable], label: str) -> None:
    """A name means one thing in everything that is said of a function."""
    names = {t.name for t in inputs}
    for v in variables:
        if v.name in names:
            raise ArgumentError(
                f"an input and a variable of {label} are both called {v.name}",
                fix="give one of them another name",
            )


def _check_update(variable: Variable, value: Tensor) -> Tensor:
    if not isinstance(variable, Variable) or not isinstance(value, Tensor):
        raise DTypeError("updates map variables to tensors", received=repr((variable, value)))
    if value.dtype is not variable.dtype:
        raise DTypeError(
            f"the new value of {variable.name} has another dtype",
            received=value.dtype,
            expected=variable.dtype,
            fix="convert it with gx.cast",
        )
    if value.ndim != variable.ndim or not all(map(may_equal, value.shape, variable.shape)):
        raise ShapeError(
            f"the new value of {variable.name} has another shape",
            received=value.shape,
            expected=variable.shape,
        )
    return value


def _check_once(variables: list[Variable]) -> None:
    if len(set(variables)) != len(variables):
        raise ArgumentError("a variable is updated twice in one function")


def _variables(roots: list[Tensor], more: list[Variable]) -> list[Variable]:
    found = [t for node in topological(roots) for t in node.outputs if isinstance(t, Variable)]
    return list(dict.fromkeys([*found, *more]))


def _check_closed(roots: list[Tensor], inputs: list[Tensor], label: str) -> None:
    known = {t.node for t in inputs}
    for node in topological(roots):
        if node.op is placeholder_op and node not in known:
            with provenance.building_for(node.source):
                raise UnknownNameError(
                    f"{label} needs the placeholder {node.label}, which is not among its inputs",
                    received=", ".join(t.name for t in inputs) or "no inputs",
                    fix=f"add {node.label} to the inputs",
                )
