"""The table that `summary` prints.

Model: "sequential"
_________________________________________________________________
 Layer (type)                Output Shape              Param #
=================================================================
 dense (Dense)               (None, 256)               200960
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.frontend.layers.layer import Layer

_WIDTHS = (28, 26, 10)


def summary_text(name: str, layers: Sequence[Layer], whole: Layer) -> str:
    """The table of the layers with the totals of the whole model."""
    rows = [(_title(x), str(x.output_shape or "?"), str(x.count_params())) for x in layers]
    widths = [
        max(width, *(len(row[i]) + 2 for row in rows)) if rows else width
        for i, width in enumerate(_WIDTHS)
    ]
    length = sum(widths) + 1
    total = whole.count_params()
    trained = sum(int(w.storage.size) for w in whole.trainable_weights)
    lines = [
        f'Model: "{name}"',
        "_" * length,
        _row(("Layer (type)", "Output Shape", "Param #"), widths),
        "=" * length,
        *(_row(row, widths) for row in rows),
        "=" * length,
        f"Total params: {total:,}",
        f"Trainable params: {trained:,}",
        f"Non-trainable params: {total - trained:,}",
        "_" * length,
    ]
    return "\n".join(lines)


def _title(layer: Layer) -> str:
    return f"{layer.name} ({type(layer).__name__})"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " + "".join(c.ljust(w) for c, w in zip(cells, widths))).rstrip()
