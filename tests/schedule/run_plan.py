"""Runs a plan in NumPy, kernel by kernel, with the oracle of the kernel IR: slow, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphc.backends.reference.elementwise import MEANING
from graphc.backends.reference.evaluate import EVALUATE
from graphc.errors import OutOfRangeError
from graphc.ir import dim
from graphc.kernels.evaluate import evaluate
from graphc.ops import index, reduce
from graphc.program import Program
from graphc.schedule.plan import (
    CheckStep,
    CondStep,
    CopyStep,
    CumulativeStep,
    KernelStep,
    Plan,
    ScanStep,
    SortStep,
    Storage,
    WhileStep,
)

CUMULATIVE = {
    "sum": reduce.cumsum_op,
    "prod": reduce.cumprod_op,
    "max": reduce.cummax_op,
    "min": reduce.cummin_op,
}
Memory = dict[Storage, np.ndarray]


def run_program(
    program: Program, plan: Plan, inputs: Sequence[np.ndarray], sizes: Mapping[str, int]
) -> list[np.ndarray]:
    """The results; variables of the program are updated as native code would."""
    given = {"input": list(inputs), "variable": [v.storage for v in program.variables]}
    memory = allocate(plan, sizes, given)
    run(plan, memory, sizes)
    found = sorted((s for s in plan.storages if s.place == "output"), key=lambda s: s.index)
    return [memory[s] for s in found]


def allocate(
    plan: Plan, sizes: Mapping[str, int], given: Mapping[str, Sequence[np.ndarray]]
) -> Memory:
    """An array per storage; what is not given starts as garbage."""
    memory: Memory = {}
    for s in plan.storages:
        if s.place in given:
            memory[s] = given[s.place][s.index]
        elif s.value is not None:
            memory[s] = s.value.array
        else:
            shape = [dim.evaluate(d, sizes) for d in s.shape]
            memory[s] = np.full(shape, 77, s.dtype.numpy)
    return memory


def run(plan: Plan, memory: Memory, sizes: Mapping[str, int]) -> None:
    """All steps in order."""
    for step in plan.steps:
        match step:
            case KernelStep(kernel=kernel, bound=bound):
                arrays = {name: memory[s] for name, s in bound.items()}
                evaluate(kernel, arrays, sizes, MEANING)
            case SortStep():
                rule = EVALUATE[index.sort_op]
                values, places = rule(memory[step.x], axis=step.axis, descending=step.descending)
                memory[step.values][...], memory[step.indices][...] = values, places
            case CumulativeStep():
                rule = EVALUATE[CUMULATIVE[step.kind]]
                options = {"reverse": step.reverse, "exclusive": step.exclusive}
                memory[step.y][...] = rule(memory[step.x], axis=step.axis, **options)
            case CheckStep():
                if memory[step.flag]:
                    raise OutOfRangeError(step.problem, source=step.source)
            case CopyStep():
                memory[step.target][...] = memory[step.source]
            case ScanStep():
                scan(step, memory, sizes)
            case WhileStep():
                loop(step, memory, sizes)
            case CondStep():
                body = step.then_body if memory[step.predicate] else step.else_body
                results = call(body, [memory[s] for s in step.captured], sizes)
                for s, value in zip(step.results, results):
                    memory[s][...] = value


def call(body: Plan, given: list[np.ndarray], sizes: Mapping[str, int]) -> list[np.ndarray]:
    """The results of a region."""
    memory = allocate(body, sizes, {"parameter": given})
    run(body, memory, sizes)
    found = sorted((s for s in body.storages if s.place == "result"), key=lambda s: s.index)
    return [memory[s] for s in found]


def scan(step: ScanStep, memory: Memory, sizes: Mapping[str, int]) -> None:
    """Turn by turn."""
    length = dim.evaluate(step.length, sizes)
    carry = [memory[s].copy() for s in step.init]
    captured = [memory[s] for s in step.captured]
    for t in reversed(range(length)) if step.reverse else range(length):
        rows = [memory[s][t] for s in step.xs]
        for i, s in step.before:
            memory[s][t] = carry[i]
        results = call(step.body, [*carry, *rows, *captured], sizes)
        carry = results[: len(carry)]
        for s, value in zip(step.ys, results[len(carry) :]):
            memory[s][t] = value
        for i, s in step.after:
            memory[s][t] = carry[i]
    for s, value in zip(step.final, carry):
        memory[s][...] = value


def loop(step: WhileStep, memory: Memory, sizes: Mapping[str, int]) -> None:
    """As long as the condition holds."""
    carry = [memory[s].copy() for s in step.init]
    captured = [memory[s] for s in step.captured]
    while call(step.condition, [*carry, *captured], sizes)[0]:
        carry = call(step.body, [*carry, *captured], sizes)
    for s, value in zip(step.final, carry):
        memory[s][...] = value
