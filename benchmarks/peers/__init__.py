"""The frameworks that are timed, each in a process of its own: name -> how it is started."""

from __future__ import annotations

from dataclasses import dataclass, field

# What makes glibc keep freed memory instead of giving it back to the system after each step.
_KEEP = {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=549755813888"}


@dataclass(frozen=True)
class Peer:
    """One way to use a framework.

    Attributes:
        package: what must be importable
        module: the file of this folder that builds its networks
        variant: how that file is told to use it
        environment: variables that its process is started with
        trains: whether it has training steps
        only: the workloads it has; empty: all
        asked: whether it is left out unless it is named
    """

    package: str
    module: str
    variant: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    trains: bool = True
    only: tuple[str, ...] = ()
    asked: bool = False


OURS = "graphc"
# fmt: off
PEERS = {
    OURS:             Peer("graphc", "on_graphc"),
    "torch":          Peer("torch", "on_torch"),
    "torch-cl":       Peer("torch", "on_torch", "channels_last"),
    "torch-cl-keep":  Peer("torch", "on_torch", "channels_last", _KEEP),
    "torch-compile":  Peer("torch", "on_torch", "channels_last compile", _KEEP, asked=True),
    "jax":            Peer("jax", "on_jax"),
    "tensorflow":     Peer("tensorflow", "on_tensorflow", "", {"TF_CPP_MIN_LOG_LEVEL": "3"}),
    "tensorflow-xla": Peer("tensorflow", "on_tensorflow", "xla", {"TF_CPP_MIN_LOG_LEVEL": "3"}),
    "onnxruntime":    Peer("onnxruntime", "on_onnxruntime", trains=False),
    "openvino":       Peer("openvino", "on_openvino", trains=False),
    "pytensor":       Peer("pytensor", "on_pytensor", only=("W1",)),
}
# fmt: on
