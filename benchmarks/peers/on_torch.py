"""PyTorch: eager or compiled (inductor), contiguous or channels_last, with fused optimizers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.networks import Weights, Workload


def _to_oihw(kernel: np.ndarray) -> np.ndarray:
    return kernel.transpose(3, 2, 0, 1)


class TorchBuilder:
    """Pictures are (batch, channels, height, width), in the memory format of the weights."""

    def __init__(self, form: torch.memory_format, device: str = "cpu") -> None:
        self.training, self.form, self.device = False, form, device
        self.weights = Weights(self._parameter)
        self.moments = Weights(lambda array: torch.from_numpy(array).to(device))
        self.modules: list[nn.LSTM] = []
        self.picture: tuple[int, ...] = ()

    def __call__(self, w: Workload, x: Tensor) -> Tensor:
        """The logits."""
        self.weights.restart()
        self.moments.restart()
        return w.network(self, x)

    def _parameter(self, array: np.ndarray) -> Tensor:
        t = torch.from_numpy(array).to(self.device)
        return t.contiguous(memory_format=self.form) if t.dim() == 4 else t

    def conv(
        self, x: Tensor, filters: int, size: int, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> Tensor:
        kernel = self.weights.normal((size, size, x.shape[1], filters), _to_oihw)
        row = self.weights.constant(filters, 0.0) if bias else None
        return F.conv2d(x, kernel, row, stride, pad)

    def norm(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        gamma, beta = (self.weights.constant(channels, fill) for fill in (1.0, 0.0))
        mean, spread = (self.moments.constant(channels, fill) for fill in (0.0, 1.0))
        return F.batch_norm(x, mean, spread, gamma, beta, self.training, eps=1e-3)

    def dense(self, x: Tensor, units: int) -> Tensor:
        picture, self.picture = self.picture, ()

        def layout(a: np.ndarray) -> np.ndarray:
            if picture:  # rows in the order in which `flatten` gives channels first
                channels, *sizes = picture
                a = np.moveaxis(a.reshape(*sizes, channels, units), 2, 0).reshape(-1, units)
            return a.T

        kernel = self.weights.normal((x.shape[1], units), layout)
        return F.linear(x, kernel, self.weights.constant(units, 0.0))

    def lstm(self, x: Tensor, units: int) -> Tensor:
        outer = self.weights.normal((x.shape[2], 4 * units), np.transpose)
        row = self.weights.constant(4 * units, 0.0)
        inner = self.weights.normal((units, 4 * units), np.transpose)
        state = torch.zeros(1, x.shape[0], units, device=x.device)
        flat = [outer, inner, row, self.moments.constant(4 * units, 0.0)]
        y, *_ = torch.lstm(x, (state, state), flat, True, 1, 0.0, self.training, False, True)
        return y[:, -1]

    def dropout(self, x: Tensor, rate: float) -> Tensor:
        return F.dropout(x, rate, self.training)

    def relu(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def max_pool(self, x: Tensor, size: int, stride: int, pad: int = 0) -> Tensor:
        return F.max_pool2d(x, size, stride, pad)

    def mean(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))

    def flatten(self, x: Tensor) -> Tensor:
        self.picture = tuple(x.shape[1:])
        return x.flatten(1)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def concat(self, xs: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(xs), 1)


class Torch:
    """A call is one eager or compiled step."""

    def __init__(self, variant: Sequence[str]) -> None:
        self.versions = {"torch": torch.__version__}
        last = "channels_last" in variant
        self.form = torch.channels_last if last else torch.contiguous_format
        self.compiled = "compile" in variant

    def training(self, w: Workload, x: np.ndarray, labels: np.ndarray) -> Callable[[], object]:
        images, answers = self._images(x), torch.from_numpy(labels).long()
        builder = TorchBuilder(self.form)
        builder(w, images[:1])  # makes the weights
        builder.training = True
        weights = [weight.requires_grad_() for weight in builder.weights.values]
        optimizer = (
            torch.optim.Adam(weights, 1e-3, fused=True)
            if w.optimizer == "adam"
            else torch.optim.SGD(weights, 1e-2, momentum=0.9, fused=True)
        )
        loss_of = self._maybe_compiled(lambda: F.cross_entropy(builder(w, images), answers))

        def step() -> float:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def inference(self, w: Workload, x: np.ndarray) -> Callable[[], object]:
        builder = TorchBuilder(self.form)
        images = self._images(x)
        builder(w, images)
        logits = self._maybe_compiled(lambda: builder(w, images))

        def call() -> object:
            with torch.inference_mode():
                return logits()

        return call

    def _images(self, x: np.ndarray) -> Tensor:
        t = torch.from_numpy(x)
        return t.permute(0, 3, 1, 2).contiguous(memory_format=self.form) if t.dim() == 4 else t

    def _maybe_compiled(self, f: Callable[[], Tensor]) -> Callable[[], Tensor]:
        return torch.compile(f) if self.compiled else f


def make(variant: Sequence[str], threads: int) -> Torch:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return Torch(variant)
