"""The cases in PyTorch: eager and compiled, channels last, with and without CUDA graphs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.networks import WORKLOADS
from benchmarks.peers.on_torch import TorchBuilder

from .cases import Case, Convolution, Product, Rows, Training, arrays_of
from .way import Way

TRAINING = ("torch", "torch-graph", "torch-compile", "torch-compile-graph")
ROWS = {
    "softmax": lambda x, y, r, s: torch.softmax(x, -1),
    "layer norm": lambda x, y, r, s: F.layer_norm(x, r.shape, r, s),
    "batch norm": lambda x, y, r, s: F.batch_norm(x, None, None, r, s, True),
    "gelu(x r + s) + y": lambda x, y, r, s: F.gelu(x * r + s) + y,
}
WARM = 3
"""Steps before a CUDA graph is recorded."""


@dataclass
class Torch:
    """`device` is "cpu" where the program itself is tried out."""

    place: str

    def __post_init__(self) -> None:
        cuda = {"cuda": str(torch.version.cuda)} if self.on_gpu else {}
        cudnn = {"cudnn": str(torch.backends.cudnn.version())} if self.on_gpu else {}
        self.versions = {"torch": torch.__version__} | cuda | cudnn

    @property
    def on_gpu(self) -> bool:
        return self.place == "cuda"

    def device(self) -> dict[str, str]:
        return {"name": torch.cuda.get_device_name() if self.on_gpu else "cpu"}

    def ways(self, case: Case) -> Mapping[str, Callable[[], Way]]:
        """For training four, for what memory bounds two, else one: a library call."""
        torch.cuda.empty_cache()
        torch.compiler.reset()
        torch.backends.cudnn.benchmark = False  # chosen later, when nobody else uses the device
        found: dict[str, Callable[[], Way]]
        if isinstance(case, Training):
            names = [n for n in TRAINING if self.on_gpu or not n.endswith("graph")]
            found = {n: partial(self._training, case, n) for n in names}
        else:
            found = {"torch": partial(self._call, case, False)}
            if isinstance(case, Rows):
                found["torch-compile"] = partial(self._call, case, True)
        return found

    def seconds(self, queue: Callable[[], object], count: int) -> float:
        if not self.on_gpu:
            start = time.perf_counter()
            for _ in range(count):
                queue()
            return time.perf_counter() - start
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(count):
            queue()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    # ------------------------------------------------------------------ single calls

    def _call(self, case: Product | Convolution | Rows, is_compiled: bool) -> Way:
        inputs = self._inputs(case)
        if isinstance(case, Convolution):
            call = convolution(case, *inputs)
        else:
            call = partial(ROWS[case.op] if isinstance(case, Rows) else torch.matmul, *inputs)
        chosen = torch.compile(call) if is_compiled else call

        def queue() -> Tensor:
            with torch.inference_mode():
                return chosen()

        return Way(queue, lambda: queue().double().abs().mean().item(), None, partial(ready, queue))

    def _inputs(self, case: Product | Convolution | Rows) -> list[Tensor]:
        """In the layout that is best for them: channels last in memory."""
        kind = getattr(torch, case.dtype)
        given = [torch.from_numpy(a).to(self.place, kind) for a in arrays_of(case)]
        if isinstance(case, Convolution):
            x, kernel, dy = given
            kernel = kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            return [last(x), kernel, last(dy)]
        return [last(t) if t.dim() == 4 else t for t in given]

    # ------------------------------------------------------------------ training

    def _training(self, case: Training, name: str) -> Way:
        w = WORKLOADS[case.workload]
        x, labels = arrays_of(case)
        torch.manual_seed(0)
        images = torch.from_numpy(x).to(self.place)
        images = last(images) if images.dim() == 4 else images
        answers = torch.from_numpy(labels).long().to(self.place)
        builder = TorchBuilder(torch.channels_last, self.place)
        builder(w, images[:1])
        builder.training = True
        weights = [weight.requires_grad_() for weight in builder.weights.values]
        optimizer = (
            torch.optim.Adam(weights, 1e-3, fused=True, capturable=self.on_gpu)
            if w.optimizer == "adam"
            else torch.optim.SGD(weights, 1e-2, momentum=0.9, fused=True)
        )

        def forward() -> Tensor:
            with torch.autocast(self.place, torch.bfloat16, enabled=case.mixed):
                logits = builder(w, images)
            return F.cross_entropy(logits.float(), answers)

        loss_of = torch.compile(forward) if "compile" in name else forward

        def step() -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            optimizer.step()
            return loss

        way = Way(step, lambda: step().item(), None, partial(ready, step))

        def whole() -> float:
            given = torch.from_numpy(x).to(self.place, non_blocking=True)
            images.copy_(given.permute(0, 3, 1, 2) if given.dim() == 4 else given)
            answers.copy_(torch.from_numpy(labels))
            return way.queue().item()  # pyright: ignore[reportAttributeAccessIssue]

        def recorded() -> None:
            ready(step)
            way.queue = as_graph(step)

        way.whole = whole
        if name.endswith("graph"):
            way.ready = recorded
        return way


def last(t: Tensor) -> Tensor:
    """Images (batch, height, width, channels) as PyTorch names axes; memory stays as it is."""
    return t.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def convolution(case: Convolution, x: Tensor, kernel: Tensor, dy: Tensor) -> Callable[[], Tensor]:
    """The forward pass, or one of the gradients, as cuDNN is asked for it."""
    stride, pads = [case.stride] * 2, [case.pad] * 2
    if case.direction == "forward":
        return lambda: F.conv2d(x, kernel, None, case.stride, case.pad)
    which = case.direction == "wgrad"
    mask = [not which, which, False]

    def gradient() -> Tensor:
        return torch.ops.aten.convolution_backward(
            dy, x, kernel, None, stride, pads, [1, 1], False, [0, 0], 1, mask
        )[which]

    return gradient


def ready(queue: Callable[[], object]) -> None:
    """Let cuDNN choose its algorithms, alone on the device."""
    torch.backends.cudnn.benchmark = True
    for _ in range(WARM):
        queue()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def as_graph(step: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The whole step, update included, as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()

    def replay() -> Tensor:
        graph.replay()
        return loss

    return replay


def make(device: str) -> Torch:
    """Exact float32 where no bfloat16 is asked for, as in graphc."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return Torch(device)
