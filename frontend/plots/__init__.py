"""Pictures with matplotlib (the extra `viz`): each function returns its figure, and saves it to a
path."""

from __future__ import annotations

from .curves import plot_complexity, plot_history, plot_schedule
from .functions import plot_activations, plot_descent, plot_gradient_field
from .images import (
    plot_confusion_matrix,
    plot_feature_maps,
    plot_filters,
    plot_heat,
    plot_images,
    plot_receptive_field,
)
from .weights import plot_tradeoff, plot_weights

__all__ = [
    "plot_activations",
    "plot_complexity",
    "plot_confusion_matrix",
    "plot_descent",
    "plot_feature_maps",
    "plot_filters",
    "plot_gradient_field",
    "plot_heat",
    "plot_history",
    "plot_images",
    "plot_receptive_field",
    "plot_schedule",
    "plot_tradeoff",
    "plot_weights",
]
