"""Training that goes on where it was, when its program was killed and is run again."""

from __future__ import annotations

from pathlib import Path
from typing import final

from graphc.errors import DataError

from .callback import Callback, Logs
from .model_checkpoint import BatchCounter


@final
class BackupAndRestore(Callback):
    """Keeps the state of training in a folder, and begins from it if there is one.

    It is written after each epoch, or after `save_freq` batches; then the epoch that was
    interrupted is done again from the weights that it had reached. With `double_checkpoint` the
    state before is kept, too, and used if the last one is damaged. At the end of training the files
    are deleted, unless `delete_checkpoint` is False.
    """

    def __init__(
        self, backup_dir: str | Path, save_freq: str | int = "epoch",
        double_checkpoint: bool = False, delete_checkpoint: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.backup_dir, self.save_freq = Path(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._counter = BatchCounter(save_freq)
        self._epoch = 0

    def batches_between_calls(self, kind: str, at_once: int) -> int:
        return self._counter.between(self, kind)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        for number, (path, epoch) in enumerate(self._files()):
            try:
                self.model.restore_training(path)
            except DataError:
                if number + 1 == len(self._files()):
                    raise
                continue
            self.model.trainer.resumes_at = epoch
            return

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch
        self._counter.begin_epoch()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._counter.is_due(batch):
            self._save(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            for path, _ in self._files():
                path.unlink()

    def _save(self, epoch: int) -> None:
        """Write a file whose name says where to go on, then delete those that are too old."""
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        before = self._files()
        last = int(before[0][0].stem.split("-")[1]) if before else 0
        self.model.save(self.backup_dir / f"training-{last + 1:08d}-{epoch}.graphc")
        for path, _ in before[1 if self.double_checkpoint else 0 :]:
            path.unlink()

    def _files(self) -> list[tuple[Path, int]]:
        """The files, the newest first, and the epoch at which each goes on."""
        found = sorted(self.backup_dir.glob("training-*-*.graphc"), reverse=True)
        return [(path, int(path.stem.split("-")[2])) for path in found]
