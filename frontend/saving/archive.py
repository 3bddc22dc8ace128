"""The container of `.graphc` and `.keras`: a zip file whose members are checked before they count.

Members are stored as they are, each with its checksum. A reader takes nothing on trust: names that
lead out of the archive, links, duplicates, sizes that the file cannot hold, and checksums that do
not fit end in a DataError.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, final

from graphc.errors import DataError, GraphcError

# What a member may grow to when it is unpacked, compared with its size in the file. Weights do not
# compress to less than half, texts hardly to less than a tenth.
MOST_GROWTH = 100
# Equal content gives equal files: members carry no time of the day.
_DATE = (1980, 1, 1, 0, 0, 0)
# What damaged files make their readers raise.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, LookupError, TypeError,
    AttributeError, RuntimeError, ArithmeticError, AssertionError,
)  # fmt: skip


def write_members(file: BinaryIO, members: Mapping[str, bytes]) -> None:
    """Write an archive of these members, stored without compression."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)


@final
class Archive:
    """The members of an open archive, by name.

    Raises:
        DataError: no archive, or one that is not to be trusted.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        self.members: dict[str, zipfile.ZipInfo] = {}
        room = path.stat().st_size
        for info in archive.infolist():
            if info.filename in self.members:
                raise damaged(path, f"two members are called {info.filename!r}")
            _check(path, info, room)
            self.members[info.filename] = info

    def read(self, name: str) -> bytes:
        """The content of a member, after its checksum fitted."""
        if name not in self.members:
            raise damaged(self.path, f"it has no member {name!r}")
        info = self.members[name]
        with damage_of(self.path), self._archive.open(info) as file:
            content = file.read(info.file_size + 1)
        if len(content) != info.file_size:
            raise damaged(self.path, f"the member {name!r} has another size than it says")
        return content


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """An archive to read from."""
    with damage_of(path):
        archive = zipfile.ZipFile(path)
    with archive:
        yield Archive(path, archive)


def damaged(path: Path, what: str) -> DataError:
    """The error for a file that cannot be what it should be."""
    return DataError(
        f"{path.name} is damaged or no file of this kind",
        received=what,
        fix="save the model again, or take another copy of the file",
    )


@contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """What a damaged file makes its readers raise becomes a DataError; our errors stay."""
    try:
        yield
    except GraphcError:
        raise
    except _DAMAGE as error:
        raise damaged(path, str(error) or type(error).__name__) from error


def _check(path: Path, info: zipfile.ZipInfo, room: int) -> None:
    """DataError for a member that is not to be read; `room` is the size of the whole file."""
    name = PurePosixPath(info.filename)
    parts = info.filename.replace("\\", "/").split("/")
    if name.is_absolute() or ".." in parts or ":" in parts[0] or "\0" in info.orig_filename:
        raise damaged(path, f"the member {info.filename!r} lies outside of the archive")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise damaged(path, f"the member {info.filename!r} is a link")
    if info.flag_bits & 1:
        raise damaged(path, f"the member {info.filename!r} is encrypted")
    most = info.compress_size
    if info.compress_type != zipfile.ZIP_STORED:
        most *= MOST_GROWTH
    if info.compress_size > room or info.file_size > most:
        raise damaged(
            path,
            f"the member {info.filename!r} claims {info.file_size} bytes, "
            f"and the file has {min(room, info.compress_size)} for it",
        )
