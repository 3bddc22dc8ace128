"""The numbers of all epochs in a file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, final

import numpy as np

from graphc.frontend.saving.atomic import unwritable

from .callback import Callback, Logs


@final
class CSVLogger(Callback):
    """Writes a row per epoch: `epoch`, counted from 0, and the numbers by name.

    With `append` the rows go behind those of a file that is there. A number that an epoch does not
    have is NA; metrics of several numbers are lists.
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.separator, self.append = Path(filename), separator, append
        self._file: IO[str] | None = None
        self._columns: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        self._columns = self._known() if self.append else []
        mode = "a" if self.append else "w"
        try:
            self._file = self.filename.open(mode, newline="", encoding="utf-8")
        except OSError as error:
            raise unwritable(self.filename, error) from error

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        assert self._file is not None, "training has begun"
        numbers = logs or {}
        writer = csv.writer(self._file, delimiter=self.separator)
        if not self._columns:
            names = sorted(numbers)
            if not any(name.startswith("val_") for name in names):
                # Validation may come in a later epoch.
                names += [f"val_{name}" for name in names]
            self._columns = ["epoch", *names]
            writer.writerow(self._columns)
        cells = [_cell(numbers[name]) if name in numbers else "NA" for name in self._columns[1:]]
        writer.writerow([epoch, *cells])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _known(self) -> list[str]:
        """The columns of the file that is there."""
        if not self.filename.exists():
            return []
        with self.filename.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file, delimiter=self.separator), [])

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _cell(value: float | np.ndarray) -> object:
    return str(np.asarray(value).tolist()) if np.ndim(value) else value
