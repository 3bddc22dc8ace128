"""What machine the code is for: a `Target` value, the host's own, and a few named ones.

Everything that follows the machine (vector width, registers, function attributes, cache keys) is
read off this value, so generating for another machine is a matter of passing another one.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from functools import lru_cache

from graphc.dtypes import DType
from graphc.errors import ArgumentError
from graphc.knobs import current


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of machine: LLVM's words for it, and the two sizes that schedules need."""

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    """How many vector registers the machine has."""

    @property
    def lanes(self) -> int:
        """Lanes of one float32 vector: 16 with AVX-512, 8 with AVX2, 4 with NEON or SSE."""
        return self.vector_bytes // 4

    def lanes_of(self, dtype: DType) -> int:
        """Lanes of one vector of `dtype` (16-bit floats compute as float32, bools as bytes)."""
        return self.vector_bytes // (4 if dtype.is_float and dtype.bits < 32 else dtype.itemsize)

    @property
    def is_x86(self) -> bool:
        """Whether this is a 64-bit x86."""
        return self.triple.startswith("x86_64")

    @property
    def is_arm(self) -> bool:
        """Whether this is a 64-bit ARM."""
        return self.triple.startswith(("aarch64", "arm64"))

    @property
    def is_linux(self) -> bool:
        """Whether the system is Linux."""
        return "linux" in self.triple

    def has(self, feature: str) -> bool:
        """Whether an LLVM feature (`avx512f`) is on."""
        return f"+{feature}" in self.features.split(",")

    @property
    def architecture(self) -> str:
        """The family of processors: x86_64, aarch64."""
        return "aarch64" if self.is_arm else self.triple.split("-")[0]

    @property
    def has_masks(self) -> bool:
        """Whether loads and stores of some lanes are as fast as those of all."""
        return self.has("avx512vl")

    def lacks(self, other: Target) -> list[str]:
        """What code for another target needs that this machine does not have."""
        if other.architecture != self.architecture:
            return [other.architecture]
        wanted = [word for word in other.features.split(",") if word.startswith("+")]
        return [word[1:] for word in wanted if not self.has(word[1:])]

    def attributes(self) -> str:
        """The attributes of every function: the machine, and how wide vectors may be."""
        words = ["nounwind"]
        if self.is_x86:
            bits = 8 * self.vector_bytes
            words += [f'"prefer-vector-width"="{bits}"', f'"min-legal-vector-width"="{bits}"']
        words.append(f'"target-cpu"="{self.cpu}"')
        words.append(f'"target-features"="{self.features}"')
        return " ".join(words)

    def key(self) -> str:
        """The text that names this target in cache keys."""
        return f"{self.triple}|{self.cpu}|{self.features}|{self.vector_bytes}|{self.registers}"


# fmt: off
_AVX2 = "+cx16,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"
_AVX512 = _AVX2 + ",+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"
#                       triple                       cpu          features   bytes registers
NAMED = {
    "x86-64":    Target("x86_64-unknown-linux-gnu",  "x86-64",    "+sse2",  16, 16),
    "x86-64-v3": Target("x86_64-unknown-linux-gnu",  "x86-64-v3", _AVX2,    32, 16),
    "x86-64-v4": Target("x86_64-unknown-linux-gnu",  "x86-64-v4", _AVX512,  64, 32),
    "aarch64":   Target("aarch64-unknown-linux-gnu", "generic",   "+neon",  16, 32),
}
# fmt: on


@lru_cache(maxsize=1)
def host() -> Target:
    """The machine this process runs on, with the features its processor really has."""
    from llvmlite import binding as llvm

    features = llvm.get_host_cpu_features()
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    wide, middle = features.get("avx512f", False), features.get("avx2", False)
    size = 64 if wide else 32 if middle else 16
    registers = 32 if wide or not triple.startswith("x86_64") else 16
    return Target(triple, cpu, features.flatten(), size, registers)


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """A text that two machines have in common only if `host` is the same on both."""
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            first = file.read(1 << 14).split(b"\n\n")[0].decode()
    except OSError:
        return host().key()
    lines = [line for line in first.splitlines() if not line.startswith(_CHANGING)]
    return "\n".join([platform.machine(), sys.platform, *lines])


_CHANGING = ("cpu MHz", "bogomips", "processor", "apicid", "initial apicid", "core id")


def named(name: str) -> Target:
    """A target by name; `"host"` is this machine.

    Raises:
        ArgumentError: no target has this name.
    """
    if name == "host":
        return host()
    if name not in NAMED:
        raise ArgumentError(
            "unknown target machine", received=name, expected=", ".join(["host", *NAMED])
        )
    return NAMED[name]


def chosen() -> Target:
    """The target that the switch `machine` names; this process can run code for it.

    Raises:
        ArgumentError: no target has this name, or this machine lacks what it needs.
    """
    target = named(current().machine)
    if target is not host() and (lacking := host().lacks(target)):
        raise ArgumentError(
            "this machine cannot run code for the chosen one",
            received=f"GRAPHC_MACHINE={current().machine}",
            expected=f"a processor with {', '.join(lacking)}",
        )
    return target
