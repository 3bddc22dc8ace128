"""Every kernel of the op matrix and of whole networks becomes a cubin, without spilled registers
and with no more shared memory than there is: for an A100 (sm_80) and an H100 or H200 (sm_90)."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from test_matrix import with_derivatives

from benchmarks import workloads
from benchmarks.networks import WORKLOADS
from graphc import knobs
from graphc.backends.triton_gpu.bundle import plan_of
from graphc.backends.triton_gpu.kernels import forms_of
from graphc.backends.triton_gpu.launch import Launch
from graphc.backends.triton_gpu.objects.compile import resources
from graphc.compiler import Function, function

from .op_cases import ELEMENTWISE, SAMPLES, Sample, values_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Triton is there for Linux only")

CHIPS = {80: 166_912, 90: 232_448}
"""Bytes of shared memory that one program may have."""
PER_THREAD, REGISTERS = 255, 65_536
"""Registers that a thread, and a multiprocessor, has at most."""


def launches_of(f: Function) -> dict[Launch, None]:
    forms = forms_of(plan_of(f.program)).values()
    return {call.launch: None for form in forms for call in form.calls}


FIRST = {s.op: s for s in reversed(SAMPLES)}
"""The first sample of each op."""


def of_ops(samples: Iterable[Sample]) -> dict[Launch, None]:
    found: dict[Launch, None] = {}
    for sample in samples:
        outputs, inputs = with_derivatives(sample.call, sample.values)
        found |= launches_of(function(inputs, tuple(outputs), target="reference"))
    for op in ELEMENTWISE:
        outputs, inputs = with_derivatives(op, values_of(op))
        found |= launches_of(function(inputs, tuple(outputs), target="reference"))
    return found


def of_network(name: str, training: bool) -> dict[Launch, None]:
    with knobs.settings(backend="reference"):
        make = workloads.training if training else workloads.inference
        return launches_of(make(WORKLOADS[name]))


def assert_they_fit(launches: dict[Launch, None], cc: int) -> None:
    for launch, used in zip(launches, resources(list(launches), cc), strict=True):
        assert used.shared <= CHIPS[cc], launch.source
        # Local memory is also for tables (large arguments of sin), and for the calls that division
        # and roots make in rare cases; what is spilled has used up the registers before.
        most = min(PER_THREAD, REGISTERS // (32 * launch.warps))
        assert used.spills == 0 or used.registers < most - 8, f"{used}\n{launch.source}"


def test_of_ops():
    assert_they_fit(of_ops(FIRST.values()), 90)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("cc", CHIPS)
def test_of_all_samples(cc):
    launches = of_ops(SAMPLES)
    assert len(launches) > 500
    assert_they_fit(launches, cc)


@pytest.mark.parametrize("cc", CHIPS)
@pytest.mark.parametrize(("name", "training"), [("W2", True), ("W4", True), ("W5", False)])
def test_of_networks(name, training, cc):
    assert_they_fit(of_network(name, training), cc)
