"""The GPU backend, and the same sources in Triton's interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from graphc.ir.node import Node, Op, TensorType, attr_key
from graphc.program import Program
from graphc.schedule.schedule import make_plan
from graphc.single import program_of

from .device import Device
from .interpret.device import InterpretDevice
from .runner import Runner

_Key = tuple[Op, tuple[object, ...], tuple[TensorType, ...]]
MOST_NODES = 4096
"""How many compiled single nodes are kept."""


class _Backend:
    """Compiles for a device that is made when it is first needed."""

    def __init__(self, make: Callable[[], Device]) -> None:
        self._make = make
        self._device: Device | None = None
        self._nodes: dict[_Key, Runner] = {}

    @property
    def device(self) -> Device:
        """The device.

        Raises:
            DeviceError: there is none, or its driver is missing.
        """
        if self._device is None:
            self._device = self._make()
        return self._device

    def compile(self, program: Program) -> Runner:
        """The program as launches.

        Raises:
            CompileError: a kernel cannot be compiled, a defect of the code generator.
        """
        return Runner(make_plan(program), program.variables, self.device)

    def evaluate_node(self, inputs: Sequence[np.ndarray], node: Node) -> list[np.ndarray]:
        """One node on given values, all sizes known. Equal nodes are compiled once."""
        types = tuple(t.type for t in node.inputs)
        attrs = tuple((name, attr_key(value)) for name, value in node.attrs.items())
        key = (node.op, attrs, types)
        made = self._nodes.get(key)
        if made is None:
            if len(self._nodes) >= MOST_NODES:
                self._nodes.clear()
            made = self._nodes[key] = self.compile(program_of(node))
        return made.run([np.ascontiguousarray(a) for a in inputs], {})


@final
class InterpretBackend(_Backend):
    """`target="triton_interpret"`: no GPU is needed, and no speed to be expected."""

    name = "triton_interpret"

    def __init__(self) -> None:
        super().__init__(InterpretDevice)
