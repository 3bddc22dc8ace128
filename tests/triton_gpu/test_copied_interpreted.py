"""Whole programs on "triton_interpret" in which operands come by descriptors wherever they can."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.backends.triton_gpu import tuning
from graphc.backends.triton_gpu.bundle import plan_of
from graphc.backends.triton_gpu.kernels import emitted, forms_of
from graphc.backends.triton_gpu.source.contract_tile import ProductTile

TARGET = "triton_interpret"


TILE = ProductTile(128, 64, 16, 4, 2, maps=True)
"""Large, so that there are few programs."""


@pytest.fixture
def ranks(monkeypatch):
    """The numbers of dimensions of all descriptors of what is compiled."""
    found = set()

    def tile(_tuner, kernel):
        copied = [m for launch in emitted(kernel, tile=TILE).launches for m in launch.maps]
        found.update(len(m.shape) for m in copied)
        return TILE if copied else None

    monkeypatch.setattr(tuning.Tuner, "tile", tile)
    with gx.settings(tune=True):
        yield found


def trained(target: str, batch: int) -> list[np.ndarray]:
    """The weights after a step of a small residual network."""
    gx.set_seed(0)
    with gx.settings(target=target):
        inputs = gx.layers.Input((8, 8, 16))
        x = gx.layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
        y = gx.layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
        x = gx.layers.ReLU()(gx.layers.BatchNormalization()(y) + x)
        x = gx.layers.Conv2D(16, 3, strides=2, padding="same")(x)
        outputs = gx.layers.Dense(8)(gx.layers.Flatten()(x))
        model = gx.Model(inputs, outputs)
        model.compile(gx.optimizers.SGD(0.1), "mse")
        rng = np.random.default_rng(1)
        images, targets = (
            rng.random((batch, 8, 8, 16), np.float32),
            rng.random((batch, 8), np.float32),
        )
        model.train_on_batch(images, targets)
        return model.get_weights()


def test_a_network_learns_what_it_learns_on_the_cpu(ranks):
    want, got = trained("llvm_cpu", 2), trained(TARGET, 2)
    for a, b in zip(want, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)
    assert ranks >= {2, 4, 5}, "matrices, boxes of pixels, boxes of every second pixel"


@pytest.mark.parametrize("rows", [4, None])
def test_rows_of_an_array_that_may_begin_anywhere_have_no_descriptors(rows):
    """A loop is given rows of an array, of which only the first is known to be aligned."""
    xs = gx.placeholder((3, rows, 16), name="xs")
    w = gx.placeholder((16, 16), name="w")
    _, ys = gx.scan(lambda carry, x: (carry, x @ w), gx.zeros(()), xs)
    f = gx.function([xs, w], ys, target=TARGET)
    forms = forms_of(plan_of(f.program), lambda _kernel: TILE)
    launches = [call.launch for form in forms.values() for call in form.calls]
    (product,) = (launch for launch in launches if "tl.dot" in launch.source)
    assert len(product.maps) == (0 if rows is None else 2)
    assert bool(product.unaligned) == (rows is None)
