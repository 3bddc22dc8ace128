"""What a binary is made for: a kind of GPU, and the limits that Triton does not check."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Chip:
    """One kind of GPU, in Triton's words, and the shared memory that one program may have."""

    backend: str
    architecture: int | str
    warp_size: int
    shared_bytes: int

    @property
    def has_maps(self) -> bool:
        """Whether functions may get descriptors of tiles: from sm_90 on."""
        return isinstance(self.architecture, int) and self.architecture >= 90

    def __str__(self) -> str:
        return f"sm_{self.architecture}" if self.backend == "cuda" else str(self.architecture)


# fmt: off
# Compute capability -> the largest dynamic shared memory of a block, from the CUDA C++ Programming
# Guide's table of technical specifications (a KiB less than the whole, which the system takes).
_CUDA = {
    80: 166912, 86: 101376, 87: 166912, 89: 101376, 90: 232448,
    100: 232448, 103: 232448, 120: 101376, 121: 101376,
}
# fmt: on
_HIP = {"gfx90a": 65536, "gfx942": 65536, "gfx950": 163840}


def chip(name: int | str, shared_bytes: int | None = None) -> Chip:
    """A chip by its compute capability (90) or AMD's name for it (gfx942).

    `shared_bytes` is what the device at hand answers when it is asked.

    Raises:
        ArgumentError: a chip that code is not generated for.
    """
    if isinstance(name, int) and (limit := shared_bytes or _CUDA.get(name)) and name >= min(_CUDA):
        return Chip("cuda", name, 32, limit)
    if isinstance(name, str) and name in _HIP:
        return Chip("hip", name, 64, _HIP[name])
    raise ArgumentError(
        "no code is generated for this chip",
        received=name,
        expected=f"a compute capability of {', '.join(map(str, _CUDA))}, or {', '.join(_HIP)}",
    )
