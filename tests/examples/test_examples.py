"""Every example runs, with settings small enough for each change, and prints what it promises."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphc.__main__ import main as command
from graphc.frontend.compat import mode
from graphc.frontend.datasets import mnist_like

FOLDER = Path(__file__).resolve().parents[2] / "examples"

EXPECTED = {
    "hello_graph": ([], ["a symbolic tensor", "after the passes, 19 -> 11 nodes", "n = 3"]),
    "gradients": (
        [],
        ["at 3: 6.0 2.0", "simplified:  2 * x  2", "eagerly: 6.0 2.0", "H v = [ 6.  1. 18.]"],
    ),
    "saving": (
        ["--epochs", "1", "--examples", "16", "--out", "saved"],
        ["same bits: True", "by themselves: True", "as Restored, equal: True", "is a Regressor"],
    ),
    "see_the_passes": ([], ["log(exp(x) / y) = x - log(y)", "x * 1 = x"]),
    "static_versus_eager": (
        ["--images", "4", "--steps", "1"],
        ["eager:  Tensor([1 2 4]", "op by op, NumPy"],
    ),
    "transfer_learning": (
        ["--epochs", "1", "--limit", "8", "--few", "8"],
        ["0 to 4 from 8 images", "8005", "fine-tuned"],
    ),
    "visualising_a_cnn": (
        ["--epochs", "1", "--limit", "20", "--steps", "2"],
        ["edges (Conv2D)", "Total FLOPs of one example", "16 pictures in seen"],
    ),
    "deep_dream": (
        ["--epochs", "1", "--limit", "20", "--steps", "1"],
        ["8 pictures in deep_dream.png"],
    ),
    "style_transfer": (
        ["--epochs", "1", "--limit", "20", "--steps", "2"],
        ["stripes: loss", "7 pictures in style_transfer.png"],
    ),
    "diagnose": (
        ["--epochs", "6", "--limit", "20"],
        ["by heart: 269,322 parameters, 8 images", "errors in training", "4 pictures"],
    ),
    "mnist_three_models": (
        ["--epochs", "1", "--limit", "20"],
        ["269,322", "mlp: ", "cnn: ", "lstm: ", "% of 20 test images"],
    ),
    "first_model": (["--epochs", "20"], ["y = 1.8 x + 32", "100 degrees Celsius are"]),
    "custom_layer": (
        ["--epochs", "2"],
        ["one call: (2, 5)", "another width: ", "33 weights", "again from its configuration: 5"],
    ),
    "custom_training_loop": (["--steps", "2"], ["by hand", "SGD, compiled", "us a step"]),
    "seven_steps": (["--epochs", "1"], ["epoch 0: loss", "val_accuracy", "seven_steps.png"]),
    "three_apis": (["--images", "1"], ["sequential 1,626,442", "functional 1,626,442", "Subclass"]),
    "regularisation": (["--epochs", "1"], ["none", "L1", "dropout", "batch norm"]),
    "callbacks": (
        ["--epochs", "2", "--limit", "40"],
        [
            "2 epochs; the lowest val_loss is",
            "epoch,accuracy,learning_rate,loss,norm,val_accuracy",
            "from the file: loss",
        ],
    ),
    "mnist_cnn": (["--epochs", "1", "--limit", "20"], ["53,578", "validation accuracy"]),
    "augmentation": (
        ["--epochs", "1", "--limit", "20"],
        ["augmented.png", "without augmentation: accuracy", "of moved digits"],
    ),
}


@pytest.fixture
def images(monkeypatch):
    """Random images in the place of MNIST."""
    random = np.random.default_rng(0)
    part = random.integers(0, 256, (40, 28, 28), np.uint8), random.integers(0, 10, 40, np.uint8)
    for name in ("mnist", "fashion_mnist"):
        monkeypatch.setattr(f"graphc.frontend.datasets.{name}.load", lambda source: (part, part))
    assert mnist_like.load


@pytest.mark.filterwarnings(r"default:Graphviz \(dot\) is not installed")
@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda p: p.stem)
@pytest.mark.usefixtures("images")
def test_example(path, monkeypatch, capsys, tmp_path):
    arguments, expected = EXPECTED[path.stem]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        # The first import of graphc.compat.tensorflow makes eager mode the standard of the process,
        # and others are not seen.
        if "graphc.compat" in path.read_text(encoding="utf-8"):
            mode.start()
        module.main()
    finally:
        mode.stop()
    shown = "".join(capsys.readouterr())
    assert [text for text in expected if text not in shown] == []


@pytest.mark.usefixtures("images")
def test_demo(tmp_path, capsys):
    arguments = ["demo", "--epochs", "1", "--limit", "10"]
    assert command([*arguments, "--out", str(tmp_path)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("test accuracy ")
    assert last.endswith(" %")
    assert 0 <= float(last.split()[2]) <= 100
    assert {p.name for p in tmp_path.iterdir()} >= {"learning_curve.png", "model.svg"}


def test_info(capsys):
    assert command(["info"]) == 0
    assert "GRAPHC_BACKEND" in capsys.readouterr().out


def test_an_error_is_explained_without_a_traceback(capsys):
    assert command(["demo", "--target", "abacus", "--limit", "1", "--out", "/tmp"]) == 1
    assert "no such target" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "graphc", "info"],
            stdout=closed, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
