"""OpenVINO: inference in float32, for the shortest time of one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import openvino as ov

from benchmarks.networks import Workload

from .onnx_models import channels_first, model


class OpenVino:
    """A call runs one request."""

    def __init__(self, threads: int) -> None:
        self.versions = {"openvino": ov.__version__.split("-")[0]}
        self.settings = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }  # fmt: skip

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        images = channels_first(x)
        core = ov.Core()
        compiled = core.compile_model(core.read_model(model(w, images)), "CPU", self.settings)
        request = compiled.create_infer_request()
        request.set_input_tensor(ov.Tensor(images))

        def call() -> np.ndarray:
            request.start_async()
            request.wait()
            return request.get_output_tensor().data

        return call


def make(variant: Sequence[str], threads: int) -> OpenVino:  # noqa: ARG001
    return OpenVino(threads)
