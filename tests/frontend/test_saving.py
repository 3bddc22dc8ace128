"""Models in files: what comes back is what was written, for every layer and every kind of model."""

from __future__ import annotations

import copy
import io
import json
import zipfile

import numpy as np
import pytest
from layer_table import OURS, ROWS, Row

import graphc as gx
from graphc.errors import ArgumentError, DataError, UnknownNameError
from graphc.frontend import layers, naming
from graphc.frontend.layers import (
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Input,
    Lambda,
    TimeDistributed,
)
from graphc.frontend.saving.paths import weights_by_path
from graphc.frontend.saving.public import custom_object_scope, register_keras_serializable

DRAW = np.random.default_rng(3)


def data(*shape: int) -> np.ndarray:
    return DRAW.normal(size=shape).astype(np.float32)


def model_of(row: Row) -> tuple[gx.Model, list[np.ndarray]]:
    """A functional model of one layer of the table, and inputs for it."""
    shapes = row.taken if isinstance(row.taken, list) else [row.taken]
    inputs = [Input(s, dtype="int64" if row.integers else "float32") for s in shapes]
    layer = eval(row.text, vars(layers))
    model = gx.Model(inputs, layer(inputs if isinstance(row.taken, list) else inputs[0]))
    if row.integers:
        return model, [DRAW.integers(0, row.integers, (3, *s)) for s in shapes]
    return model, [data(3, *s) for s in shapes]


def shared_layer() -> gx.Model:
    a, b, dense = Input((4,)), Input((4,)), Dense(3, activation="tanh")
    return gx.Model([a, b], Add()([dense(a), dense(b)]))


def several_outputs() -> gx.Model:
    x = Input((4,), name="x")
    hidden = Dense(5)(x)
    return gx.Model(x, {"sum": Dense(1)(hidden), "kind": Dense(2, activation="softmax")(hidden)})


def operations_between() -> gx.Model:
    x, y = Input((4,)), Input((4,))
    part = gx.reshape(x * y + 1.0, (-1, 2, 2))
    return gx.Model([x, y], layers.Flatten()(part) - gx.mean(x, axis=1, keepdims=True))


def nested() -> gx.Model:
    inner = gx.Sequential([Dense(3, input_shape=(4,)), Dense(2)])
    a = Input((4,))
    middle = gx.Model(a, Concatenate()([inner(a), Dense(2)(a)]), name="middle")
    x = Input((4,))
    return gx.Model(x, Add()([middle(x), middle(x * 2)]))


def recurrent() -> gx.Model:
    tokens = Input((5,), dtype="int32")
    x = Embedding(7, 4, mask_zero=True)(tokens)
    x = Bidirectional(LSTM(3, return_sequences=True))(x)
    y, h, c = LSTM(2, return_sequences=True, return_state=True)(x)
    z = LSTM(2)(y, initial_state=[h, c])
    return gx.Model(tokens, [TimeDistributed(Dense(2))(y), z])


MODELS = [shared_layer, several_outputs, operations_between, nested, recurrent]


def inputs_of(model: gx.Model, count: int = 3) -> list[np.ndarray]:
    shapes = [t.shape[1:] for t in model.inputs]
    kinds = [t.dtype.is_integer for t in model.inputs]
    return [
        DRAW.integers(0, 7, (count, *s)) if k else data(count, *s) for s, k in zip(shapes, kinds)
    ]


def same(a: object, b: object) -> None:
    if isinstance(a, dict):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    elif isinstance(a, list | tuple):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_array_equal(a, b)


def without_graphs(text: str) -> object:
    """A description without the names of unknown sizes, which are numbered."""
    found = json.loads(text)
    found["config"].pop("operations", None)
    return found


def saved(model: gx.Model, folder, **options) -> gx.Model:
    model.save(folder / "model.graphc")
    return gx.models.load_model(folder / "model.graphc", **options)


@pytest.mark.parametrize("row", [*ROWS, *OURS], ids=lambda row: row.text)
def test_every_layer(row: Row, tmp_path):
    model, values = model_of(row)
    again = saved(model, tmp_path)
    same(model.predict(values, verbose=0), again.predict(values, verbose=0))
    assert list(weights_by_path(again)) == list(weights_by_path(model))


@pytest.mark.parametrize("make", MODELS, ids=lambda f: f.__name__)
def test_every_form_of_model(make, tmp_path):
    model = make()
    values = inputs_of(model)
    again = saved(model, tmp_path)
    same(model.predict(values, verbose=0), again.predict(values, verbose=0))
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    text = model.to_json()
    bare = gx.models.model_from_json(text)
    assert without_graphs(bare.to_json()) == without_graphs(text)
    bare.set_weights(model.get_weights())
    same(model.predict(values, verbose=0), bare.predict(values, verbose=0))


def test_a_list_of_layers(tmp_path):
    model = gx.Sequential([Dense(4, "relu", input_shape=(3,)), Dropout(0.5), Dense(1)])
    again = saved(model, tmp_path)
    assert isinstance(again, gx.Sequential)
    assert again.get_config() == model.get_config()
    waiting = saved(gx.Sequential([Dense(4)]), tmp_path)
    assert not waiting.built


def test_paths_do_not_depend_on_what_was_made_before():
    def paths() -> list[str]:
        return list(weights_by_path(nested()))

    first = paths()
    assert first == paths()
    assert len(set(first)) == 6
    naming.clear_session()
    assert first == paths()


def test_compile_arguments_and_the_state_of_the_optimizer(tmp_path):
    x, y = data(20, 3), data(20, 1)
    model = gx.Sequential([Dense(4, input_shape=(3,)), BatchNormalization(), Dense(1)])
    model.compile(gx.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(x, y, epochs=2, verbose=0)
    again = saved(model, tmp_path)
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert saved(model, tmp_path, compile=False).optimizer is None


def test_weights_alone(tmp_path):
    model, other = nested(), nested()
    values = inputs_of(model)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(str(tmp_path / "w.safetensors"))
    same(model.predict(values, verbose=0), other.predict(values, verbose=0))
    model.save(tmp_path / "m.graphc")
    nested().load_weights(tmp_path / "m.graphc")


def test_weights_that_do_not_fit(tmp_path):
    gx.Sequential([Dense(4, input_shape=(3,)), Dense(2)]).save_weights(tmp_path / "w.safetensors")
    model = gx.Sequential([Dense(4, input_shape=(3,)), Dense(5), Dense(1)])
    before = model.get_weights()
    with pytest.raises(DataError) as caught:
        model.load_weights(tmp_path / "w.safetensors")
    for part in ("layers/dense_1/kernel", "(4, 2)", "(4, 5)", "no layers/dense_2/bias (1,)"):
        assert part in str(caught.value)
    same(before, model.get_weights())
    with pytest.warns(UserWarning, match="layers/dense_1/kernel"):
        model.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)
    assert not np.array_equal(before[0], model.get_weights()[0])
    same(before[2:], model.get_weights()[2:])


@pytest.mark.parametrize("name", ["model", "model.pt", "model.zip", ""])
def test_the_suffix_says_the_format(name, tmp_path):
    model = gx.Sequential([Dense(1, input_shape=(1,))])
    with pytest.raises(ArgumentError, match=r"\.graphc"):
        model.save(tmp_path / name)
    with pytest.raises(ArgumentError, match=r"\.safetensors"):
        model.save_weights(tmp_path / name)


def test_files_are_kept_where_that_is_asked_for(tmp_path):
    model = gx.Sequential([Dense(1, input_shape=(1,))])
    model.save(tmp_path / "m.graphc")
    with pytest.raises(ArgumentError, match="already"):
        model.save(tmp_path / "m.graphc", overwrite=False)
    with pytest.raises(DataError, match="no such file"):
        gx.models.load_model(tmp_path / "other.graphc")
    with pytest.raises(DataError, match="cannot be written"):
        model.save(tmp_path / "no" / "folder.graphc")


# ---------------------------------------------------------------------------- the user's own


class Scaled(layers.Layer):
    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def twice(x):
    return x * 2


def test_layers_and_functions_of_the_user(tmp_path):
    x = data(2, 3)
    model = gx.Sequential([Dense(3, activation=twice, input_shape=(3,)), Scaled(3.0)])
    model.save(tmp_path / "m.graphc")
    own = {"Scaled": Scaled, "twice": twice}
    with custom_object_scope(own):
        inside = gx.models.load_model(tmp_path / "m.graphc")
    given = gx.models.load_model(tmp_path / "m.graphc", custom_objects=own)
    for again in (inside, given):
        same(model.predict(x, verbose=0), again.predict(x, verbose=0))
        assert type(again.layers[1]) is Scaled
    bare = gx.Sequential([Dense(3, activation=twice, input_shape=(3,))])
    bare.save(tmp_path / "m.graphc")
    with pytest.raises(UnknownNameError, match="twice"):
        gx.models.load_model(tmp_path / "m.graphc")


def test_registered_objects(tmp_path, monkeypatch):
    monkeypatch.setattr("graphc.frontend.saving.registered._registered", {})
    register_keras_serializable("mine")(Scaled)
    register_keras_serializable("mine", name="double")(twice)
    x = data(2, 3)
    model = gx.Sequential([Lambda(twice, input_shape=(3,)), Activation(twice), Scaled(3.0)])
    again = saved(model, tmp_path)
    same(model.predict(x, verbose=0), again.predict(x, verbose=0))
    assert "mine>double" in model.to_json()


@pytest.mark.parametrize("layer", [
    lambda: Lambda(lambda x: x + 1, input_shape=(3,)),
    lambda: Dense(1, activation=lambda x: x, input_shape=(3,)),
])  # fmt: skip
def test_functions_without_a_name_are_refused(layer, tmp_path):
    model = gx.Sequential([layer()])
    with pytest.raises(ArgumentError, match="register"):
        model.save(tmp_path / "m.graphc")
    assert list(tmp_path.iterdir()) == []


def test_a_learning_rate_that_is_a_python_function(tmp_path):
    model = gx.Sequential([Dense(2, input_shape=(3,))])
    optimizer = gx.optimizers.SGD(lambda step: 0.5 / (step + 1))
    model.compile(optimizer, "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), batch_size=4, verbose=0)
    assert float(copy.deepcopy(optimizer).learning_rate) == 0.5, "a copy has the function"
    with pytest.warns(UserWarning, match="LearningRateSchedule"):
        model.save(tmp_path / "m.graphc")
    again = gx.models.load_model(tmp_path / "m.graphc")
    assert float(again.optimizer.learning_rate) == 0.25


def test_files_are_ordinary(tmp_path):
    model = gx.Sequential([Dense(2, input_shape=(3,))])
    model.save(tmp_path / "m.graphc")
    first = (tmp_path / "m.graphc").read_bytes()
    model.save(tmp_path / "m.graphc")
    assert (tmp_path / "m.graphc").read_bytes() == first
    from safetensors.numpy import load

    archive = zipfile.ZipFile(io.BytesIO(first))
    weights = load(archive.read("weights.safetensors"))
    assert {n: a.shape for n, a in weights.items()} == {
        "layers/dense/kernel": (3, 2), "layers/dense/bias": (2,),
    }  # fmt: skip
