"""The table that `summary` prints.

Model: "sequential"
_________________________________________________________________
Layer (type)                 Output Shape              Param #
=================================================================
dense (Dense)                (None, 256)               200960

What its rows say is in rows.py.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphc.errors import ArgumentError
from graphc.frontend.layers.layer import Layer

from .rows import Options, Row, rows_of

# Where columns end, as shares of the line, and the length of a line, without and with connections.
_CHAIN = ((0.45, 0.85, 1.0), 65)
_NET = ((0.33, 0.55, 0.67, 1.0), 98)
# The columns besides: whether a layer is trained, its operations.
_TRAINABLE, _FLOPS = 12, 18


@dataclass(frozen=True, slots=True)
class Form:
    """How wide the table is: its whole width, or the ends of its columns, or neither."""

    line_length: int | None = None
    positions: Sequence[float] | None = None


def summary_lines(model: Layer, options: Options, form: Form) -> Iterator[str]:
    """The lines of the table of a model, with the totals below."""
    table = rows_of(model, options)
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Connected to"] if table.connected else []
    header += ["Trainable"] if options.trainable else []
    header += ["FLOPs"] if options.flops else []
    widths = _widths(header, table.rows, table.connected, options, form)
    length = sum(widths)
    yield f'Model: "{model.name}"'
    yield "_" * length
    yield from _written([header], widths)
    yield "=" * length
    for row in table.rows:
        yield from _written(row.cells, widths)
    yield "=" * length
    yield from _totals(model, table.flops if options.flops else None)
    yield "_" * length


def _totals(model: Layer, flops: int | None) -> Iterator[str]:
    total = model.count_params()
    trained = sum(w.size for w in model.trainable_weights)
    yield f"Total params: {total:,}"
    yield f"Trainable params: {trained:,}"
    yield f"Non-trainable params: {total - trained:,}"
    if flops is not None:
        yield f"Total FLOPs of one example: {flops:,}"
    if not model.built:
        yield f"{model.name} is not built: call it on data, or give the first layer an input_shape"


# ---------------------------------------------------------------------------- columns


def _widths(
    header: Sequence[str], rows: Sequence[Row], connected: bool, options: Options, form: Form
) -> list[int]:
    """The widths of the columns; without a wish for the whole, wide enough for what they hold."""
    ends, length = _NET if connected else _CHAIN
    more = [_TRAINABLE] * options.trainable + [_FLOPS] * options.flops
    if form.positions is not None and len(form.positions) != len(header):
        raise ArgumentError(
            "positions say where each column ends",
            received=list(form.positions),
            expected=f"{len(header)} numbers: {', '.join(header)}",
        )
    if form.positions is None and form.line_length is None:
        least = [*_between(ends, length), *more]
        lines = [header, *(line for row in rows for line in row.cells)]
        return [max(w, *(len(c) + 1 for c in column)) for w, column in zip(least, zip(*lines))]
    length = form.line_length or length + sum(more)
    own = (*(end * (1 - sum(more) / length) for end in ends), *_after(more, length))
    widths = _between(form.positions or own, length)
    if min(widths) < 4:
        raise ArgumentError(
            "a column of the summary is too narrow", received=widths, expected="4 or more each"
        )
    return widths


def _after(more: Sequence[int], length: int) -> list[float]:
    """The ends of the columns besides, at the right."""
    return [1 - sum(more[i + 1 :]) / length for i in range(len(more))]


def _between(ends: Sequence[float], length: int) -> list[int]:
    """Widths from ends, which are shares of the length or numbers of characters."""
    places = [int(end * length) if ends[-1] <= 1 else int(end) for end in ends]
    return [b - a for a, b in zip([0, *places], places)]


def _written(lines: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """Lines of cells as text; a cell that is too long goes on below."""
    for cells in lines:
        parts = [textwrap.wrap(cell, w - 1) or [""] for cell, w in zip(cells, widths)]
        for n in range(max(map(len, parts))):
            texts = [part[n] if n < len(part) else "" for part in parts]
            yield "".join(t.ljust(w) for t, w in zip(texts, widths)).rstrip()
