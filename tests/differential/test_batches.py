"""One compile serves every batch size: the demo's training step against the reference."""

from __future__ import annotations

import numpy as np

from graphc.backends.llvm_cpu.objects import jit
from graphc.frontend import demo
from graphc.frontend.losses import SparseCategoricalCrossentropy
from graphc.knobs import settings

BATCHES = (128, 128, 96, 64, 1)


def test_batches_of_any_size_run_the_same_code(monkeypatch):
    with settings(exact_convolution=True, cache=False):  # so that all code is compiled
        both_backends_train_alike(monkeypatch)


def both_backends_train_alike(monkeypatch):
    batches, batch = [], jit.Batch
    monkeypatch.setattr(jit, "Batch", lambda *given: batches.append(given) or batch(*given))
    rng = np.random.default_rng(0)
    images = [rng.random((n, 28, 28, 1), np.float32) for n in BATCHES]
    labels = [rng.integers(0, 10, n, np.int32) for n in BATCHES]
    losses, weights = {}, {}
    for target in ("llvm_cpu", "reference"):
        model = demo.network(target, seed=1)
        # Not Adam: where a gradient is nearly 0 it turns differences of rounding into steps.
        loss = SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, target=target)
        losses[target] = [model.train_on_batch(images[0], labels[0])]
        after_one = len(batches)
        pairs = zip(images[1:], labels[1:], strict=True)
        losses[target] += [model.train_on_batch(x, y) for x, y in pairs]
        weights[target] = model.get_weights()
        assert len(batches) == after_one
    assert batches
    np.testing.assert_allclose(losses["llvm_cpu"], losses["reference"], rtol=2e-4)
    for a, b in zip(weights["llvm_cpu"], weights["reference"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=5e-5)
