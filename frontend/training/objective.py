"""What `compile` was told, for the outputs of a model: its losses and its metrics.

loss = sum over outputs of weight * loss(targets, predictions) + penalties
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast, final

import numpy as np

from graphc.errors import ArgumentError, DataError
from graphc.frontend import losses, metrics
from graphc.frontend.losses import Loss
from graphc.frontend.metrics import Mean, Metric
from graphc.frontend.optimizers import Optimizer
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import convert, leaf, reduce

from .outputs import Outputs, Spread

Parts = Tree[Tensor]


@final
@dataclass(frozen=True, slots=True)
class Term:
    """One loss of one output; `mean` is reported where there are several."""

    output: int
    loss: Loss
    weight: object
    mean: Mean | None


@final
@dataclass(frozen=True, slots=True)
class Reported:
    """A metric of one output, and the name under which it is reported."""

    output: int
    name: str
    metric: Metric
    is_weighted: bool


@final
@dataclass(slots=True)
class Objective:
    """The arguments of `compile`; losses and metrics are made when the outputs are known."""

    optimizer: Optimizer | None
    loss: object = None
    loss_weights: object = None
    metrics: object = None
    weighted_metrics: object = None
    mean_loss: Mean = field(default_factory=lambda: Mean("loss"))
    terms: tuple[Term, ...] = ()
    reported: tuple[Reported, ...] = ()
    outputs: int = 0

    # ------------------------------------------------------------------------ making

    def check(self) -> None:
        """Find everything that is called by its name.

        Raises:
            UnknownNameError: no loss or metric of a name.
        """
        for name in _names_in(self.loss):
            losses.get(name)
        for name in (*_names_in(self.metrics), *_names_in(self.weighted_metrics)):
            metrics.as_metric(name)

    def build(self, outputs: Outputs) -> None:
        """Make the losses and metrics for these outputs, if that is not done yet."""
        if self.outputs == len(outputs.flat):
            return
        self.outputs = len(outputs.flat)
        self.terms = tuple(self._terms(outputs))
        self.reported = tuple(self._reported(outputs))

    def _terms(self, outputs: Outputs) -> Iterator[Term]:
        given = Spread("loss", outputs, _is_loss)(self.loss)
        spread = Spread("loss_weights", outputs, _is_number)
        weights = spread(self.loss_weights, all_alike=False)
        found = [
            (i, losses.as_loss(each), weight)
            for i, (entry, weights_of) in enumerate(zip(given, weights))
            for each, weight in _paired(entry, weights_of)
        ]
        for (i, loss, weight), name in zip(found, _loss_names(found, outputs.names)):
            yield Term(i, loss, weight, Mean(f"{name}_loss") if len(found) > 1 else None)

    def _reported(self, outputs: Outputs) -> Iterator[Reported]:
        """Metrics of all outputs, then the weighted ones; a name that is taken gets a number."""
        several, taken = len(outputs.flat) > 1, Counter[str]()
        for argument, given in (
            ("metrics", self.metrics),
            ("weighted_metrics", self.weighted_metrics),
        ):
            weighted = argument != "metrics"
            entries = Spread(argument, outputs, _is_metric)(given)
            for i, entry in enumerate(entries):
                prefix = f"{outputs.names[i]}_" if several and outputs.names[i] else ""
                for metric in map(metrics.as_metric, _listed(entry)):
                    name = f"{prefix}{metric.name}"
                    if weighted and taken[name]:
                        name = f"{prefix}weighted_{metric.name}"
                    taken[name] += 1
                    number = taken[name] - 1
                    yield Reported(i, f"{name}_{number}" if number else name, metric, weighted)

    # ------------------------------------------------------------------------ building steps

    def total(self, outputs: Outputs, targets: Parts, weights: Parts) -> Tensor | None:
        """The weighted sum of the losses; None where no output has one."""
        self.build(outputs)
        y, w = self.matched(outputs, targets), spread_weights(outputs, weights)
        total: Tensor | None = None
        for term in self.terms:
            prediction = outputs.flat[term.output]
            value = term.loss(needed(y[term.output], term), prediction, w[term.output])
            if value.ndim:
                value = reduce.sum(value)
            if term.mean is not None:
                term.mean.update_state(value, leaf.size_of(prediction.shape[0], value.dtype))
            if term.weight is not None:
                value = value * cast(float, term.weight)
            total = value if total is None else total + convert.cast(value, total.dtype)
        return total

    def measure(self, outputs: Outputs, targets: Parts, weights: Parts) -> None:
        """Take a batch into account in all metrics."""
        self.build(outputs)
        y, w = self.matched(outputs, targets), spread_weights(outputs, weights)
        for each in self.reported:
            given = (y[each.output], outputs.flat[each.output])
            if each.is_weighted:
                each.metric.update_state(*given, sample_weight=w[each.output])
            else:
                each.metric.update_state(*given)

    def matched(self, outputs: Outputs, targets: Parts) -> list[Tensor | None]:
        """The targets of each output; those without a loss may have none."""
        flat = outputs.flat
        if targets is None:
            return [None] * len(flat)
        used = sorted({t.output for t in self.terms} | {r.output for r in self.reported})
        listed = list(targets) if isinstance(targets, list | tuple) else [targets]
        if not isinstance(targets, dict) and len(listed) == len(used) < len(flat):
            places = dict(zip(used, listed))
            return [cast("Tensor | None", places.get(i)) for i in range(len(flat))]
        if len(flat) == 1 and len(listed) == 1:
            targets = cast(Parts, listed[0])
        spread = Spread("y", outputs, _is_tensor)
        return cast("list[Tensor | None]", spread(targets, all_alike=False))

    # ------------------------------------------------------------------------ numbers

    @property
    def all_metrics(self) -> list[Metric]:
        """The mean of the loss, the metrics, the means of the losses of several outputs."""
        means = [t.mean for t in self.terms if t.mean is not None]
        return [self.mean_loss, *(r.metric for r in self.reported), *means]

    def check_targets(self, targets: object, shape: Sequence[int | None]) -> None:
        """DataError for targets of a single output that its loss has no value for."""
        for term in self.terms:
            if isinstance(targets, np.ndarray) and self.outputs == 1:
                term.loss.check_targets(targets, tuple(shape))


def spread_weights(outputs: Outputs, weights: Parts) -> list[Tensor | None]:
    """The sample weights of each output; one array is for all of them."""
    found = Spread("sample_weight", outputs, _is_tensor)(weights)
    return cast("list[Tensor | None]", found)


def needed(targets: Tensor | None, term: Term) -> Tensor:
    """The targets of a loss, which have to be there."""
    if targets is None:
        raise DataError(
            "a loss needs targets, one array with a row per example",
            received=f"none for {term.loss.name}",
            fix="give them as y, beside the inputs x",
        )
    return targets


def _loss_names(
    found: Sequence[tuple[int, Loss, object]], names: Sequence[str | None]
) -> list[str]:
    """The name of the output, or that of the loss; one that is taken gets a number."""
    taken, result = Counter[str](), list[str]()
    for i, loss, _ in found:
        name = names[i] or loss.name
        taken[name] += 1
        result.append(name if taken[name] == 1 else f"{name}_{taken[name] - 1}")
    return result


def _paired(entry: object, weight: object) -> list[tuple[losses.Given, object]]:
    """The losses of one output with their weights."""
    given = cast("list[losses.Given]", _listed(entry))
    many = list(weight) if isinstance(weight, list | tuple) else [weight] * len(given)
    if len(many) != len(given):
        raise ArgumentError(
            "`loss_weights` does not fit the losses of an output",
            received=f"{len(many)} weights",
            expected=f"{len(given)}",
        )
    return list(zip(given, many))


def _listed(entry: object) -> list[metrics.Given]:
    if entry is None:
        return []
    return [e for e in entry if e is not None] if isinstance(entry, list | tuple) else [entry]  # pyright: ignore


def _names_in(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, list | tuple):
        return [name for entry in given for name in _names_in(entry)]
    if isinstance(given, Mapping) and not _is_config(given):
        return [name for entry in given.values() for name in _names_in(entry)]
    return []


def _is_config(value: object) -> bool:
    return isinstance(value, Mapping) and "class_name" in value


def _is_loss(value: object) -> bool:
    return isinstance(value, str | Callable) or _is_config(value)


def _is_metric(value: object) -> bool:
    return isinstance(value, str | Metric | Callable) or _is_config(value)


def are_metrics(given: object) -> bool:
    """Whether it is a list of metrics, and no numbers."""
    return isinstance(given, list | tuple) and bool(given) and all(map(_is_metric, given))


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number | Tensor)
