"""Training that goes on from a file, and files that survive whatever ends the process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import graphc as gx
from graphc.frontend.layers import BatchNormalization, Dense, Dropout
from graphc.frontend.saving.archive import open_archive
from graphc.frontend.saving.tensors import decode

# A run of ten epochs that writes a file after the fifth, and one that goes on from the file.
PROGRAM = """
import sys
import numpy as np
import graphc as gx
from graphc.frontend.callbacks import LambdaCallback
from graphc.frontend.layers import BatchNormalization, Dense, Dropout
from graphc.knobs import settings

draw = np.random.default_rng(1)
x = draw.normal(size=(48, 5)).astype(np.float32)
y = (x[:, :1] * x[:, 1:2]).astype(np.float32)

def new():
    gx.set_seed(3)
    model = gx.Sequential([
        Dense(8, "relu", input_shape=(5,)), BatchNormalization(), Dropout(0.4), Dense(1),
    ])
    model.compile(eval(optimizer, vars(gx.optimizers)), "mse", metrics=["mae"])
    return model

def train(model, first, last, callbacks=()):
    model.fit(x, y, 8, last, 0, list(callbacks), initial_epoch=first)
    return model

step, path, optimizer = sys.argv[1:]
with settings(backend="reference"):
    if step == "whole":
        model = new()
        keep = lambda epoch, logs: model.save(path) if epoch == 4 else None
        train(model, 0, 10, [LambdaCallback(on_epoch_end=keep)])
        model.save(path + ".whole.graphc")
    else:
        model = gx.models.load_model(path)
        train(model, 5, 10)
        model.save(path + ".resumed.graphc")
"""
OPTIMIZERS = [
    "SGD(0.05, momentum=0.9)",
    "Adam(0.01)",
    "Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7)",
    "AdamW(schedules.ExponentialDecay(0.01, 10, 0.9), global_clipnorm=1.0)",
    "RMSprop(0.01, gradient_accumulation_steps=2)",
]


def run(program: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True)


def arrays(path: Path) -> dict[str, np.ndarray]:
    with open_archive(path) as archive:
        members = [archive.read(f"{name}.safetensors") for name in ("weights", "state")]
    return {n: a for content in members for n, a in decode(content, path).items()}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_bit_for_bit(optimizer, tmp_path):
    path = tmp_path / "model.graphc"
    run(PROGRAM, "whole", path, optimizer)
    run(PROGRAM, "resumed", path, optimizer)
    whole, resumed = (arrays(Path(f"{path}.{n}.graphc")) for n in ("whole", "resumed"))
    assert list(whole) == list(resumed)
    different = [n for n in whole if whole[n].tobytes() != resumed[n].tobytes()]
    assert different == []
    assert whole["random/layers/dropout/seed_generator"] == 60
    half = arrays(path)
    assert not np.array_equal(half["layers/dense/kernel"], whole["layers/dense/kernel"])


@pytest.mark.parametrize("stream", [False, True], ids=["arrays", "batches"])
def test_the_order_of_the_examples_goes_on(stream, tmp_path):
    x = np.random.default_rng(1).normal(size=(64, 5)).astype(np.float32)
    y = x[:, :1] * x[:, 1:2]

    class Batches(gx.utils.PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            return x[8 * index : 8 * index + 8], y[8 * index : 8 * index + 8]

    data = (Batches(),) if stream else (x, y)
    whole, parts, again = (gx.Sequential([Dense(1, input_shape=(5,))]) for _ in range(3))
    for model in (whole, parts, again):
        model.set_weights(whole.get_weights())
        model.compile(gx.optimizers.Adam(0.01), "mse")
    gx.set_seed(5)
    whole.fit(*data, epochs=4, verbose=0)
    gx.set_seed(5)
    parts.fit(*data, epochs=2, verbose=0)
    parts.save(tmp_path / "m.graphc")
    parts.fit(*data, epochs=2, verbose=0)
    loaded = gx.models.load_model(tmp_path / "m.graphc")
    loaded.fit(*data, epochs=4, initial_epoch=2, verbose=0)
    gx.set_seed(6)
    again.fit(*data, epochs=4, verbose=0)
    for weights in zip(*(m.get_weights() for m in (whole, parts, loaded))):
        assert np.array_equal(weights[0], weights[1])
        assert np.array_equal(weights[0], weights[2])
    assert any(not np.array_equal(a, b) for a, b in zip(whole.get_weights(), again.get_weights()))


def test_the_sequence_of_the_process_goes_on_where_that_is_asked_for(tmp_path):
    model = gx.Sequential([Dense(2, input_shape=(3,))])
    model.save(tmp_path / "m.graphc")
    after = gx.Sequential([Dense(2, input_shape=(3,))]).get_weights()
    gx.set_seed(99)
    gx.models.load_model(tmp_path / "m.graphc", random_state=True)
    again = gx.Sequential([Dense(2, input_shape=(3,))]).get_weights()
    np.testing.assert_array_equal(after[0], again[0])


def test_an_optimizer_of_fewer_weights(tmp_path):
    x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
    model = gx.Sequential([Dense(4, input_shape=(3,)), Dropout(0.5), BatchNormalization()])
    model.add(Dense(1))
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    assert [w.shape for w in again.optimizer.parameters] == [(4,), (4,), (4, 1), (1,)]
    model.layers[0].trainable = True
    model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    again.fit(x, y, epochs=1, verbose=0)


# ---------------------------------------------------------------------------- sudden ends

WRITER = """
import sys
import numpy as np
import graphc as gx
from graphc.frontend.layers import Dense

path, weights = sys.argv[1:]
model = gx.Sequential([Dense(64, input_shape=(64,)), Dense(64), Dense(1)])
number = 0
print("ready", flush=True)
while True:
    number += 1
    model.set_weights([np.full(w.shape, number, np.float32) for w in model.weights])
    model.save(path)
    model.save_weights(weights)
"""


def end_at_random_moments(folder: Path, times: int) -> None:
    """Kill a process that writes files in a loop; each file is whole, and only one stays behind."""
    path, weights = folder / "model.graphc", folder / "w.safetensors"
    draw = random.Random(5)
    for _ in range(times):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(weights)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        while not weights.exists():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.05))
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        model = gx.models.load_model(path)
        values = {float(v) for w in model.get_weights() for v in np.unique(w)}
        assert len(values) == 1
        model.load_weights(weights)
    model.save(path)
    model.save_weights(weights)
    assert sorted(p.name for p in folder.iterdir()) == ["model.graphc", "w.safetensors"]


def test_killed_while_writing(tmp_path):
    end_at_random_moments(tmp_path, 4)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_while_writing_100_times(tmp_path):
    end_at_random_moments(tmp_path, 100)


def test_two_writers_do_not_disturb_each_other(tmp_path):
    path, weights = tmp_path / "model.graphc", tmp_path / "w.safetensors"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(weights)], stdout=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    while not weights.exists():
        time.sleep(0.01)
    for _ in range(20):
        gx.models.load_model(path)
    assert [w.poll() for w in writers] == [None, None]
    for writer in writers:
        writer.kill()
        writer.wait()


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.graphc"
    model = gx.Sequential([Dense(2, input_shape=(3,))])
    model.save(path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(gx.errors.DataError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.graphc"]
