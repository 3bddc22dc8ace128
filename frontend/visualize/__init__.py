"""Pictures of graphs and models, and of what networks see: saliency, dreams, styles.

The graphs of layers are drawn by plot_model, those of operations by draw.
"""

from __future__ import annotations

from .ascent import activation_maximization, deep_dream
from .attribution import gradients, integrated_gradients, saliency, smooth_grad
from .layer_graph import model_to_dot, plot_model
from .networks import feature_model
from .receptive import receptive_field
from .regions import grad_cam, occlusion
from .transfer import gram_matrix, style_transfer
from .units import dead_units

__all__ = [
    "activation_maximization",
    "dead_units",
    "deep_dream",
    "feature_model",
    "grad_cam",
    "gradients",
    "gram_matrix",
    "integrated_gradients",
    "model_to_dot",
    "occlusion",
    "plot_model",
    "receptive_field",
    "saliency",
    "smooth_grad",
    "style_transfer",
]
