"""ONNX Runtime: inference with all graph optimisations, inputs and outputs bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime as ort

from benchmarks.networks import Workload

from .onnx_models import channels_first, model


class OnnxRuntime:
    """A call runs one session."""

    def __init__(self, threads: int) -> None:
        self.versions = {"onnxruntime": ort.__version__}
        self.options = ort.SessionOptions()
        self.options.intra_op_num_threads, self.options.inter_op_num_threads = threads, 1

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        images = channels_first(x)
        providers = ["CPUExecutionProvider"]
        session = ort.InferenceSession(model(w, images), self.options, providers=providers)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(images))
        binding.bind_output(session.get_outputs()[0].name)

        def call() -> np.ndarray:
            session.run_with_iobinding(binding)
            return binding.get_outputs()[0].numpy()

        return call


def make(variant: Sequence[str], threads: int) -> OnnxRuntime:  # noqa: ARG001
    return OnnxRuntime(threads)
