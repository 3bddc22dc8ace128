"""keras.src.models: graphc's models under the names of Keras."""

from __future__ import annotations

from graphc.frontend.models import *  # noqa: F403
from graphc.frontend.models import Model

Functional = Model
