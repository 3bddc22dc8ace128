"""The GPU backend, and the same sources in Triton's interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from graphc import knobs
from graphc.debug.stages import watch
from graphc.ir.node import Node
from graphc.program import Program
from graphc.single import Nodes

from .bundle import plan_of
from .device import Device
from .interpret.device import InterpretDevice
from .kernels import kernels_of, usual
from .listing import listings
from .run.cuda import cuda_device
from .run.residents import Residents
from .runner import Runner
from .tuning import Tuner


class AbstractBackend:
    """Compiles for a device that is made when it is first needed."""

    def __init__(self, make: Callable[[], Device]) -> None:
        self._make = make
        self._device: Device | None = None
        self._residents: Residents | None = None
        self._measured: Tuner | None = None
        self._nodes = Nodes(self.compile)

    @property
    def device(self) -> Device:
        """The device.

        Raises:
            DeviceError: there is none, or its driver is missing.
        """
        if self._device is None:
            self._device = self._make()
        return self._device

    @property
    def _tuner(self) -> Tuner:
        if self._measured is None:
            self._measured = Tuner(self.device)
        return self._measured

    @property
    def residents(self) -> Residents:
        """The copies of variables on the device."""
        if self._residents is None:
            self._residents = Residents(self.device)
        return self._residents

    def compile(self, program: Program) -> Runner:
        """The program as launches.

        Raises:
            CompileError: a kernel cannot be compiled, a defect of the code generator.
        """
        stages = watch(program.name)
        plan = plan_of(program, stages.rewritten if stages else None)
        tile_of = usual
        if knobs.current().tune:
            self._tuner.compile(kernels_of(plan))
            tile_of = self._tuner.tile
        made = Runner(plan, program.variables, self.device, self.residents, tile_of)
        if stages is not None:
            stages.planned(plan)
            stages.generated(plan, listings(made.forms))
        return made

    def evaluate_node(self, inputs: Sequence[np.ndarray], node: Node) -> list[np.ndarray]:
        """One node on given values, all sizes known."""
        return self._nodes.evaluate(inputs, node)


@final
class GPUBackend(AbstractBackend):
    """`target="triton_gpu"`: the first NVIDIA GPU of this machine."""

    name = "triton_gpu"

    def __init__(self) -> None:
        super().__init__(cuda_device)


@final
class InterpretBackend(AbstractBackend):
    """`target="triton_interpret"`: no GPU is needed, and no speed to be expected."""

    name = "triton_interpret"

    def __init__(self) -> None:
        super().__init__(InterpretDevice)
