"""Variables on a device: one copy of each, shared by all functions, at an address that stays.

    host changed  -> the copy is old  -> written before the next call
    call changed  -> the host is old  -> fetched when somebody reads it

A copy is the present value if the variable says so, or if its version is that of the variable.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import final
from weakref import ReferenceType, ref

import numpy as np

from graphc.backends.triton_gpu.device import Device
from graphc.ops.variable import Variable


@final
class Copy:
    """The value of a variable on a device, at some version."""

    def __init__(self, device: Device, nbytes: int) -> None:
        self._device, self._memory = device, device.allocate(nbytes)
        self.address, self.version = self._memory.address, -1

    def fetch(self, storage: np.ndarray, version: int) -> None:
        """Fill the storage: from now on this place and the host both have that version."""
        self._device.read(self.address, storage)
        self.version = version

    def update(self, variable: Variable) -> None:
        """Make this the present value."""
        # The version first: what changes meanwhile has another one in the next call.
        version = variable.version
        if self.version != version and not variable.is_at(self):
            self._device.write(self.address, variable.storage)
            self.version = version


@final
class Residents:
    """The copies on one device. A variable that dies takes its copy with it."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._copies: dict[int, tuple[ReferenceType[Variable], Copy]] = {}
        self._making = threading.Lock()

    def copy_of(self, variable: Variable) -> Copy:
        """The copy of a variable; its memory stays as long as the variable."""
        found = self._copies.get(id(variable))
        if found is None:
            with self._making:
                found = self._copies.get(id(variable)) or self._made(variable)
        return found[1]

    def _made(self, variable: Variable) -> tuple[ReferenceType[Variable], Copy]:
        key, nbytes = id(variable), variable.nbytes
        made = ref(variable, partial(self._forget, key)), Copy(self._device, nbytes)
        self._copies[key] = made
        return made

    def _forget(self, key: int, _: ReferenceType[Variable]) -> None:
        self._copies.pop(key, None)

    def bring(self, variables: Sequence[Variable]) -> list[int]:
        """The addresses of variables, with their present values there; before each call."""
        copies = [self.copy_of(v) for v in variables]
        for variable, copy in zip(variables, copies):
            copy.update(variable)
        return [copy.address for copy in copies]

    def changed(self, variables: Sequence[Variable]) -> None:
        """What was asked of the device gives these variables new values; after each call."""
        for variable in variables:
            variable.move(self.copy_of(variable))
