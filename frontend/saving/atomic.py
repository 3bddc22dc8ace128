"""Files that are there whole or not at all, whenever the process or the machine stops.

The content goes into a temporary file of the same folder, reaches the disk, and then takes the
place of the target in one step.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from graphc.errors import DataError

if sys.platform != "win32":
    import fcntl

Write = Callable[[BinaryIO], object]
_END = ".part"


def write_atomically(target: Path, write: Write) -> None:
    """Let `write` fill a file that then becomes `target`; what killed attempts left is removed.

    Raises:
        DataError: the folder does not exist, or the file cannot be written.
    """
    place = Path(os.path.realpath(target))
    try:
        _remove_abandoned(place)
        with _temporary(place) as (path, file):
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(path, place)
        _sync_folder(place.parent)
    except OSError as error:
        raise unwritable(target, error) from error


def unwritable(target: object, error: OSError) -> DataError:
    """The error for a file that the system does not let us write."""
    return DataError(
        "a file cannot be written",
        received=f"{target} ({error})",
        expected="a folder that exists, with room and permission to write",
    )


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside the target, locked while its writer lives; removed if it stays behind."""
    path = target.with_name(f"{_begin(target)}{secrets.token_hex(8)}{_END}")
    with open(path, "x+b") as file:
        _lock(file)
        try:
            yield path, file
        finally:
            # Windows removes no file that is open.
            if sys.platform == "win32":
                file.close()
            path.unlink(missing_ok=True)


def _remove_abandoned(target: Path) -> None:
    """Remove temporary files of this target whose writers were killed."""
    for path in target.parent.glob(f"{_escaped(_begin(target))}*{_END}"):
        # Others may write the same target now, or remove the same files.
        with suppress(OSError), open(path, "r+b") as file:
            _lock(file)
            path.unlink()


def _lock(file: BinaryIO) -> None:
    """Take the lock of an open file, which the system frees when its holder ends.

    Raises:
        OSError: another process or another open file has it.
    """
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk, where the system knows how."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems sync folders by themselves, and refuse to be asked.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _begin(target: Path) -> str:
    return f".{target.name}."


def _escaped(text: str) -> str:
    """A text as a pattern that matches it alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)
