"""Which interpreter runs which framework: frameworks do not share an environment gladly.

A peer runs in the interpreter that is named for its package, else in the running one if that has
the package, else in the first environment of a folder that has it.
`python -m benchmarks.peers.environments FOLDER` makes such a folder.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from . import PEERS

PACKAGES = {
    "torch": ["torch", "--index-url", "https://download.pytorch.org/whl/cpu"],
    "jax": ["jax"],
    "tensorflow": ["tensorflow-cpu"],
    "onnx": ["onnx", "onnxruntime", "openvino"],
    "pytensor": ["pytensor", "numba"],
}


def python_of(name: str, named: Mapping[str, str], folder: str | None) -> str | None:
    """The interpreter of a peer; None if its package is nowhere."""
    package = PEERS[name].package
    if package in named:
        return named[package]
    if importlib.util.find_spec(package) is not None:
        return sys.executable
    for found in sorted(
        Path(folder).glob(f"*/lib/python*/site-packages/{package}") if folder else ()
    ):
        return str(found.parents[3] / "bin" / "python")
    return None


def main() -> None:
    folder = Path(sys.argv[1])
    for name, packages in PACKAGES.items():
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        pip = [folder / name / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "numpy"], check=True)
        subprocess.run([*pip, *packages], check=True)


if __name__ == "__main__":
    main()
