"""Models as the functions in this folder need them: answers of single layers, scores of classes.

Everything is graph: a layer's answer, a score and its gradient by the image are compiled together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc.compiler import function
from graphc.errors import ArgumentError, ModeError, ShapeError
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.layer import Layer, inside_of_calls
from graphc.frontend.logits import logits_of
from graphc.frontend.models.model import Model
from graphc.frontend.models.wiring import Wiring
from graphc.ir.dim import Dim
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import elementwise, index, leaf, movement, reduce

Target = int | Sequence[int] | np.ndarray | None
LayerName = str | int | Layer


def feature_model(model: Model, layers: LayerName | Sequence[LayerName]) -> Model:
    """The part of a model that ends at some of its layers; it shares their weights.

    >>> from graphc.frontend.layers import Dense
    >>> from graphc.frontend.models import Sequential
    >>> model = Sequential([Dense(4, input_shape=(3,), name="hidden"), Dense(2)])
    >>> feature_model(model, "hidden").predict([[1.0, 2.0, 3.0]], verbose=0).shape
    (1, 4)

    Raises:
        ModeError: a model whose inputs are not known, or a layer that it does not call.
        UnknownNameError: no layer has that name.
    """
    wiring = wiring_of(model)
    wanted = [layers] if isinstance(layers, LayerName) else list(layers)
    results = {step.call.layer: next(iter(step.results)) for step in wiring.steps}
    found = [_answer(results, layer_of(model, given)) for given in wanted]
    outputs: Tree[Tensor] = found[0] if isinstance(layers, LayerName) else tuple(found)
    return Model(wiring.inputs, outputs)


def layer_of(model: Model, given: LayerName) -> Layer:
    """A layer of the model by its name, its position, or itself."""
    if isinstance(given, Layer):
        return given
    return model.get_layer(name=given) if isinstance(given, str) else model.get_layer(index=given)


def wiring_of(model: Model) -> Wiring:
    """How the layers of a model follow one another."""
    if model.wiring is None:
        raise ModeError(
            f"how the layers of {model.name} are connected is not known",
            fix="use Sequential with an input_shape, or Model(inputs, outputs)",
        )
    return model.wiring


def answers(model: Model, x: Tensor, layers: Sequence[LayerName]) -> list[Tensor]:
    """What some layers answer where the input is x, which may have other sizes than the model says.

    The model is run no further than that.
    """
    wiring, wanted = wiring_of(model), [layer_of(model, given) for given in layers]
    inputs = leaves(wiring.inputs)
    if len(inputs) != 1:
        raise ArgumentError("the model takes several inputs", received=len(inputs), expected=1)
    known = {inputs[0]: x}
    sizes = {str(a): b for a, b in zip(inputs[0].shape, x.shape) if isinstance(a, Dim)}
    found: dict[Layer, Tensor] = {}
    with evaluating_with(None), collecting_effects(), inside_of_calls():
        for step in wiring.steps:
            if all(layer in found for layer in wanted):
                break
            found[step.call.layer] = step.run(known, sizes)[0]
    return [_answer(found, layer) for layer in wanted]


def _answer(found: dict[Layer, Tensor], layer: Layer) -> Tensor:
    if layer not in found:
        raise ModeError(f"the model does not call {layer.name}")
    return found[layer]


def score(outputs: Tensor, classes: Tensor | None) -> Tensor:
    """For each example the score of its class: what goes into the softmax, if one comes last.

    Without classes it is that of the class with the highest score. A single output is its own
    score.
    """
    single = outputs.ndim == 1 or outputs.shape[-1] == 1
    logits = logits_of(outputs, None if single else -1)
    values = outputs if logits is None else logits
    if single:
        return movement.reshape(values, (values.shape[0],))
    if values.ndim != 2:
        raise ShapeError(
            "scores are one number per class", received=values.shape, expected="(batch, classes)"
        )
    chosen = reduce.argmax(values, axis=-1) if classes is None else classes
    assert isinstance(values.shape[-1], int), "a layer answers a known number of classes"
    unit = index.one_hot(chosen, values.shape[-1], dtype=values.dtype)
    return reduce.sum(values * unit, axis=-1)


Build = Callable[[Tensor, Tensor | None], Tensor]


def compiled_for(images: object, target: Target, build: Build, name: str) -> np.ndarray:
    """What a graph makes of images and their classes, in one native call."""
    pixels = as_images(images)
    x = leaf.placeholder(("batch", *pixels.shape[1:]), pixels.dtype, name="images")
    classes = as_classes(target, len(pixels))
    with evaluating_with(None), collecting_effects(), inside_of_calls():
        if classes is None:
            return _array(function([x], build(x, None), name=name)(pixels))
        t = leaf.placeholder(("batch",), "int32", name="classes")
        # A class by its number has no part in a score that is alone.
        return _array(function([x, t], build(x, t), name=name)(pixels, classes))


def run(outputs: Tree[Tensor], name: str) -> Tree[np.ndarray]:
    """The values of tensors that depend on nothing but constants and weights."""
    return function([], outputs, name=name)()


def as_images(value: object) -> np.ndarray:
    """Images as floats (n, ...); whole numbers are converted, not scaled."""
    array = np.asarray(value)
    array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    if array.ndim < 2:
        raise ShapeError(
            "images have a row per image", received=array.shape, expected="(images, ...)"
        )
    return array


def as_classes(target: Target, count: int) -> np.ndarray | None:
    """A class for each image."""
    if target is None:
        return None
    numbers = np.asarray(target, np.int32)
    if numbers.ndim > 1 or (numbers.ndim == 1 and len(numbers) != count):
        raise ShapeError(
            "a target is a class for all images, or one for each",
            received=numbers.shape,
            expected=(count,),
        )
    return np.broadcast_to(numbers, (count,)).copy()


def unit_range(x: Tensor) -> Tensor:
    """Each example divided by its largest number; those without a positive one become 0."""
    axes = tuple(range(1, x.ndim))
    most = reduce.max(x, axis=axes, keepdims=True)
    positive = elementwise.greater(most, 0.0)
    return x / elementwise.where(positive, most, 1.0)


def _array(value: Tree[np.ndarray]) -> np.ndarray:
    assert isinstance(value, np.ndarray), "one tensor was asked for"
    return value
