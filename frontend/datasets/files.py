"""Where files of data sets are: a folder of the user, the platform's data folder, the network.

1. $GRAPHC_DATA/<set>/<file>   2. <data folder of graphc>/datasets/<set>/<file>   3. download,
checked by its digest
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from platformdirs import user_data_dir
from tqdm import tqdm

from graphc import knobs
from graphc.errors import DataError

_SECONDS = 10.0
_PART = 1 << 20


def local_file(dataset: str, name: str) -> Path | None:
    """The file where the user keeps data, packed or not; None if it is not there."""
    folder = knobs.current().data
    if folder is None:
        return None
    places = [Path(folder) / dataset / n for n in (name, name.removesuffix(".gz"))]
    return next((p for p in places if p.is_file()), None)


def data_folder() -> Path:
    """Where downloads are kept: a folder of graphc in the platform's folder for data."""
    return Path(user_data_dir("graphc"))


def fetched_file(dataset: str, name: str, url: str, sha256: str) -> Path:
    """The file in the data folder, downloaded if it is not there.

    Raises:
        DataError: no connection, or a file that is not the one that was meant.
    """
    return fetched(data_folder() / "datasets" / dataset / name, url, f"sha256:{sha256}")


def fetched(path: Path, url: str, digest: str | None) -> Path:
    """The file at a path, downloaded once if it is not there; `digest` is such as "sha256:3aed..".

    Several processes may ask at a time. Without a digest nothing is checked.
    """
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            _download(url, digest, path)
    return path


def _download(url: str, digest: str | None, path: Path) -> None:
    """Written under another name first, so that no half of a file is ever taken for the whole."""
    kind, _, wanted = (digest or "sha256:").partition(":")
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            found = _received(url, kind, part, path.name)  # pyright: ignore[reportArgumentType]
        except (urllib.error.URLError, OSError) as error:
            os.unlink(part.name)
            raise DataError(
                f"{path.name} cannot be downloaded",
                received=f"{error} from {url}",
                expected=f"the file in {path.parent}",
                fix=f"put it into $GRAPHC_DATA/{path.parent.name}/, or connect to the network",
            ) from None
        except BaseException:
            os.unlink(part.name)
            raise
    if wanted and found != wanted:
        os.unlink(part.name)
        raise DataError(
            f"{path.name} is not the file that was meant",
            received=f"{kind} {found} from {url}",
            expected=wanted,
        )
    os.replace(part.name, path)


def _received(url: str, kind: str, part: BinaryIO, name: str) -> str:
    """Write what the address answers, block by block; the digest of it."""
    digest = hashlib.new(kind)
    with urllib.request.urlopen(url, timeout=_SECONDS) as response:
        size = response.headers.get("Content-Length")
        # No bar where nobody looks: tqdm's `disable=None` asks whether the output is a terminal.
        bar = tqdm(total=int(size) if size else None, unit="B", unit_scale=True, desc=name,
                   disable=None)  # fmt: skip
        with bar:
            while block := response.read(_PART):
                digest.update(block)
                part.write(block)
                bar.update(len(block))
    return digest.hexdigest()
