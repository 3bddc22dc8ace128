"""Which interpreter runs which framework: frameworks do not share an environment gladly.

A peer runs in the interpreter that is named for its package, else in the running one if that has
the package, else in the first environment of a folder that has it.
`python -m benchmarks.peers.environments FOLDER` makes such a folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from graphc.crew import available_cores

from . import OURS, PEERS

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


def add_peers(parser: argparse.ArgumentParser, peers: str) -> None:
    """The arguments of a program that runs peers: which, where they are, how long."""
    parser.add_argument("--peers", default=peers)
    parser.add_argument("--environments")
    parser.add_argument("--python", action="append", default=[], metavar="PACKAGE=PYTHON")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--rounds", type=int, default=3)


def pythons_of(given: argparse.Namespace) -> dict[str, str]:
    """The interpreters of graphc and of the peers asked for that are there."""
    named = dict(pair.split("=", 1) for pair in given.python)
    places = {n: python_of(n, named, given.environments) for n in [OURS, *given.peers.split(",")]}
    return {name: python for name, python in places.items() if python}


def main() -> None:
    folder = Path(sys.argv[1])
    for name, packages in PACKAGES.items():
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        pip = [folder / name / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "numpy"], check=True)
        subprocess.run([*pip, *packages], check=True)


if __name__ == "__main__":
    main()
