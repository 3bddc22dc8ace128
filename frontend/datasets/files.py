"""Where files of data sets are: a folder of the user, the cache, or the network.

1. $GRAPHC_DATA/<set>/<file>     2. the user's cache folder     3. download, checked by SHA-256
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_dir

from graphc import knobs
from graphc.errors import DataError

_SECONDS = 3.0
_PART = 1 << 20


def local_file(dataset: str, name: str) -> Path | None:
    """The file where the user keeps data, packed or not; None if it is not there."""
    folder = knobs.current().data
    if folder is None:
        return None
    places = [Path(folder) / dataset / n for n in (name, name.removesuffix(".gz"))]
    return next((p for p in places if p.is_file()), None)


def fetched_file(dataset: str, name: str, url: str, sha256: str) -> Path:
    """The file in the cache, downloaded if it is not there.

    Raises:
        DataError: no connection, or a file that is not the one that was meant.
    """
    path = Path(user_cache_dir("graphc")) / "datasets" / dataset / name
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            _download(url, sha256, path)
    return path


def _download(url: str, sha256: str, path: Path) -> None:
    """Written under another name first, so that no half of a file is ever taken for the whole."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            with urllib.request.urlopen(url, timeout=_SECONDS) as response:
                while block := response.read(_PART):
                    digest.update(block)
                    part.write(block)
        except (urllib.error.URLError, OSError) as error:
            os.unlink(part.name)
            raise DataError(
                f"{path.name} cannot be downloaded",
                received=f"{error} from {url}",
                fix=f"put it into $GRAPHC_DATA/{path.parent.name}/, or connect to the network",
            ) from None
    if digest.hexdigest() != sha256:
        os.unlink(part.name)
        raise DataError(
            f"{path.name} is not the file that was meant",
            received=f"SHA-256 {digest.hexdigest()} from {url}",
            expected=sha256,
        )
    os.replace(part.name, path)
