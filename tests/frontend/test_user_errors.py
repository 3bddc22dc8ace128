"""What a new user meets: messages that name the mistake and its line, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc import callbacks, layers
from graphc.errors import (
    ArgumentError,
    DataError,
    GraphcError,
    OutOfRangeError,
    ShapeError,
    UnknownNameError,
)

DRAW = np.random.default_rng(3)
X, Y = DRAW.normal(size=(12, 4)).astype(np.float32), DRAW.integers(0, 3, 12)


def compiled() -> gx.Sequential:
    model = gx.Sequential([layers.Dense(3, "softmax", input_shape=(4,), name="scores")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


NEAR = [
    (lambda: layers.Dense(3, "rellu"), "relu"),
    (lambda: layers.Dense(3, kernel_initializer="he_normall"), "he_normal"),
    (lambda: gx.optimizers.get("adamm"), "adam"),
    (lambda: gx.losses.get("sparse_categorial_crossentropy"), "sparse_categorical_crossentropy"),
    (lambda: gx.metrics.get("acuracy"), "accuracy"),
    (lambda: compiled().get_layer("score"), "scores"),
]


@pytest.mark.parametrize(("call", "meant"), NEAR)
def test_the_nearest_name_is_told(call, meant):
    with pytest.raises(UnknownNameError, match=f"to fix: write '{meant}'"):
        call()
    with pytest.raises(UnknownNameError) as error:
        gx.losses.get("something quite different")
    assert "to fix" not in str(error.value)


def broken(x: object, y: object, **options: object):
    return lambda _: compiled().fit(x, y, verbose=0, **options)


REFUSED = [
    (broken(X, np.where(Y == 2, np.nan, Y)), DataError, "of 12 are nan or infinite"),
    (broken(X, Y + 0.5), DataError, r"fractions from 0\.5 to 2\.5"),
    (broken([["a"] * 4], [0]), DataError, "received: list of dtype <U1"),
    (broken(X, Y, epochs=1.5), ArgumentError, "epochs is a whole number"),
    (broken(X, Y, initial_epoch=None), ArgumentError, "initial_epoch is a whole number"),
    (broken(X, Y, validation_freq=0, validation_data=(X, Y)), ArgumentError, "validation_freq"),
    (lambda _: compiled().get_layer(index=1), OutOfRangeError, "has 1 layers"),
    (lambda p: broken(X, Y, callbacks=callbacks.CSVLogger(p / "file" / "log.csv"))(p),
     DataError, "cannot be written"),
    (lambda p: broken(X, Y, callbacks=callbacks.TensorBoard(p / "file" / "logs"))(p),
     DataError, "cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_what_is_refused_at_the_line_of_the_user(call, error, words, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(error, match=words) as found:
        call(tmp_path)
    assert isinstance(found.value, GraphcError)
    assert found.value.source.file == __file__


def test_a_wrong_label_in_a_later_batch_is_named_and_the_batches_before_it_count():
    model = compiled()
    before = model.get_weights()[0]
    with pytest.raises(DataError, match="numbers from 9 to 11") as error:
        model.fit(((X, y) for y in (Y, Y % 3 + 9)), verbose=0)
    assert "in batch 1" in error.value.__notes__
    after = model.get_weights()[0]
    assert int(model.optimizer.iterations.numpy()) == 1
    assert not np.array_equal(before, after)
    assert np.isfinite(after).all()
    with pytest.raises(DataError, match="class numbers"):
        model.train_on_batch(X, Y + 3)
    with pytest.raises(DataError, match="class numbers"):
        model.evaluate(((X, y) for y in (Y, Y - 3)), verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], after)


def test_weights_of_other_shapes_change_nothing():
    model = compiled()
    kernel, bias = model.get_weights()
    with pytest.raises(ShapeError, match="does not fit the variable"):
        model.set_weights([kernel + 1, bias[:2]])
    np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_warnings_name_the_line_of_the_user():
    with pytest.warns(UserWarning, match="ran out of data") as found:
        compiled().fit(iter([(X, Y)]), steps_per_epoch=2, verbose=0)
    with pytest.warns(UserWarning, match="watches `val_loss`") as more:
        compiled().fit(X, Y, verbose=0, callbacks=callbacks.EarlyStopping())
    assert {w.filename for w in [*found, *more]} == {__file__}


# ---------------------------------------------------------------------------- as Keras has it


def test_arguments_by_position():
    lstm = layers.LSTM(4, "tanh", "sigmoid", True, "he_normal", "zeros", "ones", False, "l2")
    config = lstm.get_config()
    assert (config["unit_forget_bias"], config["seed"]) == (False, None)
    assert config["kernel_regularizer"]["class_name"] == "L2"
    assert layers.LSTM.from_config(config).get_config() == config
    dropout = layers.SpatialDropout2D(0.5, "channels_first", 7)
    assert (dropout.data_format, dropout.seed) == ("channels_first", 7)
    sgd = gx.optimizers.SGD(0.1, 0.9, True, 0.25, 2.0)
    assert (sgd.nesterov, sgd.weight_decay, sgd.clipnorm) == (True, 0.25, 2.0)
    with pytest.raises(TypeError, match="positional"):
        gx.optimizers.SGD(0.1, 0.9, True, *[None] * 20)
    with pytest.raises(TypeError, match="multiple values"):
        layers.Conv2D(
            3, 3, 1, "same", None, 1, 1, "relu", True, "ones", kernel_initializer="zeros"
        )  # fmt: skip


def test_names_of_arguments(tmp_path):
    model = compiled()
    model.save(filepath=tmp_path / "m.graphc", overwrite=True)
    again = gx.models.load_model(filepath=tmp_path / "m.graphc", safe_mode=True)
    model.save_weights(filepath=tmp_path / "m.weights.h5")
    again.set_weights(weights=[w * 0 for w in model.get_weights()])
    again.load_weights(filepath=tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    assert gx.utils.to_categorical(x=[1], num_classes=2).tolist() == [[0.0, 1.0]]
    assert gx.initializers.get(identifier="zeros").get_config() == {}


def test_copies_of_models_and_layers():
    model = compiled()
    copy = gx.models.clone_model(model)
    assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
    assert not set(copy.weights) & set(model.weights)
    layer = layers.deserialize(layers.serialize(layers.Dense(3, "relu", name="hidden")))
    assert (layer.name, layer.units) == ("hidden", 3)

    class Own(layers.Layer):
        """A layer that is not registered."""

    config = layers.serialize(Own(name="mine"))
    with pytest.raises(UnknownNameError, match="no layer of that name"):
        layers.deserialize(config)
    assert isinstance(layers.deserialize(config, {config["class_name"]: Own}), Own)
