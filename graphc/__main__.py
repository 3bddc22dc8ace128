"""The command `graphc`, also `python -m graphc`: a demonstration, and what is installed."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from graphc import knobs
from graphc.errors import GraphcError
from graphc.frontend import demo

_PACKAGES = ("graphc", "numpy", "ml_dtypes", "llvmlite", "networkx", "triton", "matplotlib")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all went well, 1 after an error that is explained."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "info":
            print(information(), flush=True)
        else:
            demo.run(given.epochs, given.out, given.target, given.limit)
    except GraphcError as error:
        print(f"graphc: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has what it wanted; what is left has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def information() -> str:
    """Versions, machine and settings, one per line."""
    rows = [("python", platform.python_version()), *((p, _version(p)) for p in _PACKAGES)]
    rows += [("machine", f"{platform.machine()}, {platform.system()}, {_cores()} cores")]
    switches = asdict(knobs.current()).items()
    rows += [(f"{knobs.PREFIX}{name.upper()}", str(value)) for name, value in switches]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name.ljust(width)}{value}" for name, value in rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="graphc", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="versions, machine, settings")
    shown = commands.add_parser("demo", help="train a convolutional network on digits")
    shown.add_argument("--epochs", type=_count, help="how often to go through the images")
    shown.add_argument("--out", type=Path, default=Path("out"), help="where pictures are written")
    shown.add_argument("--target", help="the backend, such as llvm_cpu or reference")
    shown.add_argument("--limit", type=_count, help="take only so many images")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number of at least 1")
    return number


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main())
