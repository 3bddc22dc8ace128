"""Files for TensorBoard, written by tensorboardX: `pip install graphc[tensorboard]`.

They are seen with `tensorboard --logdir logs`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast, final

import numpy as np

from graphc.errors import ArgumentError, MissingExtraError
from graphc.frontend.layers import Embedding
from graphc.frontend.saving.atomic import unwritable

from .callback import Callback, Logs
from .learning_rates import optimizer_of
from .model_checkpoint import BatchCounter
from .tensorboard_graph import GraphNode, nodes_of

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter


@final
class TensorBoard(Callback):
    """Writes what training does to `log_dir`/train and `log_dir`/validation.

    | what                                     | where                | when                   |
    |------------------------------------------|----------------------|------------------------|
    | numbers, the learning rate               | Scalars, epoch_...   | every epoch            |
    | numbers                                  | Scalars, batch_...   | `update_freq` batches  |
    | numbers of `evaluate`                    | evaluation_..._vs_iterations | every evaluation |
    | weights                                  | Histograms           | `histogram_freq` epochs |
    | weights as pictures, with `write_images` | Images               | `histogram_freq` epochs |
    | the model, with `write_graph`            | Graphs               | once                   |
    | tables of Embedding layers               | Projector            | `embeddings_freq` epochs |

    `update_freq` is "epoch", "batch" or a number. With `write_steps_per_second` the speed is among
    the numbers. `embeddings_metadata` are the labels of the rows of a table, as a list or a text
    file with one in each line, or a dict of them by layer. `profile_batch` is accepted, and nothing
    is profiled.
    """

    def __init__(
        self, log_dir: str | Path = "logs", histogram_freq: int = 0, write_graph: bool = True,
        write_images: bool = False, write_steps_per_second: bool = False,
        update_freq: str | int = "epoch", profile_batch: object = 0, embeddings_freq: int = 0,
        embeddings_metadata: object = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.log_dir, self.histogram_freq = Path(log_dir), histogram_freq
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second, self.embeddings_freq = write_steps_per_second, embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        if isinstance(update_freq, str) and update_freq not in ("epoch", "batch"):
            raise ArgumentError(
                "no such update_freq", received=update_freq, expected='"epoch", "batch", 1, 2, ...'
            )
        self._counter = BatchCounter(1 if update_freq == "batch" else update_freq)
        self._writers: dict[str, SummaryWriter] = {}
        self._steps, self._steps_before, self._begin = 0, 0, 0.0
        self._training = False

    def batches_between_calls(self, kind: str, at_once: int) -> int:
        return self._counter.between(self, kind)

    # ------------------------------------------------------------------------ hooks

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._training, self._steps = True, 0
        if self.write_graph:
            nodes = nodes_of(self.model, self.model.trainer.form)
            _add_graph(self._writer("train"), nodes)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._training = False
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._steps_before, self._begin = self._steps, time.perf_counter()
        self._counter.begin_epoch()

    def on_stretch_end(self, batches: int, logs: Logs | None = None) -> None:
        self._steps += batches if self._training else 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._counter.is_due(batch):
            numbers = dict(logs or {})
            if self.write_steps_per_second:
                numbers["steps_per_second"] = self._speed()
            self._scalars("train", "batch_", numbers, self._steps)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._inside, self._training = self._training, False

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._training = self._inside
        numbers = {f"{name}_vs_iterations": value for name, value in (logs or {}).items()}
        step = int(np.asarray(optimizer_of(self).calls.numpy()))
        self._scalars("validation", "evaluation_", numbers, step)
        if not self._training:
            self._close()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        numbers = dict(logs or {})
        numbers["learning_rate"] = float(optimizer_of(self).learning_rate.numpy())
        if self.write_steps_per_second:
            numbers["steps_per_second"] = self._speed()
        trained = {n: v for n, v in numbers.items() if not n.startswith("val_")}
        tested = {n[4:]: v for n, v in numbers.items() if n.startswith("val_")}
        self._scalars("train", "epoch_", trained, epoch)
        self._scalars("validation", "epoch_", tested, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._embeddings(epoch)

    def _speed(self) -> float:
        """Steps per second of this epoch so far."""
        return (self._steps - self._steps_before) / (time.perf_counter() - self._begin)

    # ------------------------------------------------------------------------ writing

    def _scalars(self, where: str, prefix: str, numbers: Logs, step: int) -> None:
        for name, value in numbers.items():
            if np.ndim(value) == 0:
                self._writer(where).add_scalar(f"{prefix}{name}", value, step)
        if numbers:
            self._writer(where).flush()

    def _weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for name, values in self._named_weights():
            # Training that diverged has weights that are no numbers.
            if (finite := values[np.isfinite(values)]).size:
                writer.add_histogram(f"{name}/histogram", finite, epoch)
            if self.write_images and (picture := as_picture(values)) is not None:
                writer.add_image(f"{name}/image", picture, epoch, dataformats="HW")
        writer.flush()

    def _embeddings(self, epoch: int) -> None:
        for layer in self.model.layers:
            if isinstance(layer, Embedding):
                given = self.embeddings_metadata
                labels = _labels(given.get(layer.name) if isinstance(given, dict) else given)
                table = layer.get_weights()[0]
                if labels is not None and len(labels) != len(table):
                    raise ArgumentError(
                        f"embeddings_metadata has one label for each row of {layer.name}",
                        received=f"{len(labels)} labels",
                        expected=len(table),
                    )
                self._writer("train").add_embedding(
                    table, labels, global_step=epoch, tag=layer.name
                )

    def _named_weights(self) -> Iterator[tuple[str, np.ndarray]]:
        for weight in self.model.weights:
            yield weight.name, weight.numpy().astype(np.float32)

    def _writer(self, name: str) -> SummaryWriter:
        if name not in self._writers:
            folder = self.log_dir / name
            try:
                self._writers[name] = _tensorboard().SummaryWriter(str(folder))
            except OSError as error:
                raise unwritable(folder, error) from error
        return self._writers[name]

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def as_picture(weights: np.ndarray) -> np.ndarray | None:
    """A kernel as one picture from 0 to 1, of shape (rows, columns); None for a single number.

    Kernels of images, (height, width, in, out), become a grid of in x out filters.

    >>> as_picture(np.arange(6).reshape(3, 2)).shape, as_picture(np.ones((3, 3, 2, 8))).shape
    ((3, 2), (6, 24))
    """
    if weights.size < 2:
        return None
    if weights.ndim == 4:
        height, width, ins, outs = weights.shape
        flat = weights.transpose(2, 0, 3, 1).reshape(ins * height, outs * width)
    else:
        flat = weights.reshape(-1, weights.shape[-1])
    low, high = flat.min(), flat.max()
    return ((flat - low) / max(high - low, 1e-12)).astype(np.float32)


def _labels(given: object) -> list[str] | None:
    """Labels of the rows of a table: a list of them, or a text file with one in each line."""
    if isinstance(given, str | Path):
        try:
            return Path(given).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise ArgumentError(
                "embeddings_metadata names a file that cannot be read", received=str(error)
            ) from error
    return cast("list[str] | None", given)


def _add_graph(writer: SummaryWriter, nodes: Sequence[GraphNode]) -> None:
    """The nodes as the GraphDef that TensorBoard knows."""
    from tensorboardX.proto import event_pb2, graph_pb2, versions_pb2

    graph = graph_pb2.GraphDef(versions=versions_pb2.VersionDef(producer=22))  # pyright: ignore[reportAttributeAccessIssue]
    for node in nodes:
        made = graph.node.add(name=node.name, op=node.op, input=node.inputs)
        for shape in node.shapes:
            sizes = made.attr["_output_shapes"].list.shape.add()
            for size in shape:
                sizes.dim.add(size=-1 if size is None else size)
        for name, text in node.notes.items():
            made.attr[name].s = text.encode()
    file = writer.file_writer
    assert file is not None, "a writer that writes to disk has a file"
    file.add_event(event_pb2.Event(graph_def=graph.SerializeToString()))  # pyright: ignore[reportAttributeAccessIssue]
    writer.flush()


def _tensorboard():
    """tensorboardX, loaded when the first file is written."""
    try:
        import tensorboardX
    except ImportError as error:
        raise MissingExtraError(
            "files for TensorBoard are written by tensorboardX",
            fix="pip install graphc[tensorboard]",
        ) from error
    return tensorboardX
