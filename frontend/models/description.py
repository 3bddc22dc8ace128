"""Models from text that `Model.to_json` wrote: the architecture, with fresh weights."""

from __future__ import annotations

import json
from collections.abc import Mapping

from graphc.errors import DataError
from graphc.frontend.saving.objects import deserialize_keras_object

from .model import Model


def clone_model(model: Model) -> Model:
    """A model of the same architecture, with weights of its own at their initial values.

    Raises:
        ArgumentError: a model whose architecture is Python code.
    """
    return model_from_json(model.to_json())


def model_from_json(json_string: str, custom_objects: Mapping[str, object] | None = None) -> Model:
    """The model that `to_json` described, with initial weights and not compiled.

    >>> from graphc.frontend.layers import Dense
    >>> from graphc.frontend.models import Sequential
    >>> text = Sequential([Dense(2, input_shape=(3,))]).to_json()
    >>> model_from_json(text).count_params()
    8

    Raises:
        DataError: text that describes no model.
        UnknownNameError: a class or function of one's own that is not registered.
    """
    try:
        config = json.loads(json_string)
    except (ValueError, RecursionError) as error:
        raise DataError("the text is no JSON", received=str(error)) from error
    model = deserialize_keras_object(config, custom_objects)
    if not isinstance(model, Model):
        raise DataError("the text describes no model", received=type(model).__name__)
    return model
