"""The tables of `summary`, numbers of weights and of operations."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, ModeError, ShapeError, UnknownNameError
from graphc.frontend.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    ReLU,
    SimpleRNN,
)
from graphc.frontend.layers.layer import Layer
from graphc.frontend.models import Model, Sequential
from graphc.frontend.models.flops import count_flops, flops_of_layers


def lines_of(model: Model, **options: object) -> list[str]:
    lines: list[str] = []
    model.summary(print_fn=lines.append, **options)
    return lines


def words(lines: list[str]) -> list[list[str]]:
    """The lines without what separates them."""
    return [line.split() for line in lines if line.strip("_")]


# ---------------------------------------------------------------------------- the two tables

SHORT = """
Model: "sequential"
Layer (type)          Output Shape       Param #
=====
dense (Dense)         (None, 256)        200960
dropout (Dropout)     (None, 256)        0
dense_1 (Dense)       (None, 256)        65792
dropout_1 (Dropout)   (None, 256)        0
dense_2 (Dense)       (None, 10)         2570
=====
Total params: 269,322
Trainable params: 269,322
Non-trainable params: 0
"""
LONG = """
Model: "sequential"
Layer (type)          Output Shape       Param #
=====
dense (Dense)         (None, 256)        200960
activation (Activation) (None, 256)        0
dropout (Dropout)     (None, 256)        0
dense_1 (Dense)       (None, 256)        65792
activation_1 (Activation) (None, 256)        0
dropout_1 (Dropout)   (None, 256)        0
dense_2 (Dense)       (None, 10)         2570
activation_2 (Activation) (None, 10)         0
=====
Total params: 269,322
Trainable params: 269,322
Non-trainable params: 0
"""


def short_mlp() -> Sequential:
    model = Sequential()
    model.add(Dense(256, activation="relu", input_shape=(784,)))
    model.add(Dropout(0.4))
    model.add(Dense(256, activation="relu"))
    model.add(Dropout(0.4))
    model.add(Dense(10, activation="softmax"))
    return model


def long_mlp() -> Sequential:
    model = Sequential()
    model.add(Dense(256, input_shape=(784,)))
    model.add(Activation("relu"))
    model.add(Dropout(0.4))
    model.add(Dense(256))
    model.add(Activation("relu"))
    model.add(Dropout(0.4))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    return model


@pytest.mark.parametrize(("made", "table"), [(short_mlp, SHORT), (long_mlp, LONG)])
def test_mlp(made, table: str) -> None:
    lines = lines_of(made())
    told = [w for w in words(lines) if not w[0].startswith("=")]
    assert told == [line.split() for line in table.split("\n") if line and line[0] != "="]
    assert {len(line) for line in lines if set(line) <= {"_", "="}} == {65}
    assert lines[4] == "dense (Dense)                (None, 256)               200960"


def test_functional_mlp() -> None:
    x = Input((784,), name="input_1")
    y = Dropout(0.4)(Dense(256, activation="relu")(x))
    y = Dropout(0.4)(Dense(256, activation="relu")(y))
    model = Model(inputs=x, outputs=Dense(10, activation="softmax")(y), name="model")
    told = [w for w in words(lines_of(model)) if not w[0].startswith("=")]
    expected = [line.split() for line in SHORT.split("\n") if line and line[0] != "="]
    expected[0][1] = '"model"'
    expected.insert(2, ["input_1", "(InputLayer)", "(None,", "784)", "0"])
    assert told == expected


# ---------------------------------------------------------------------------- numbers of weights


class FourFourOne(Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense_1 = Dense(4, activation="tanh")
        self.dense_2 = Dense(4, activation="tanh")
        self.dense_3 = Dense(1, activation="sigmoid")

    def call(self, inputs):
        return self.dense_3(self.dense_2(self.dense_1(inputs)))


def four_four_one() -> Model:
    model = FourFourOne()
    assert ((y := model([[1.0, 2, 3], [4, 5, 6]]).numpy()) > 0).all()
    assert (y < 1).all()
    return model


def functional_cnn() -> Model:
    x = Input((32, 32, 3))
    y = Conv2D(64, 3, strides=2, activation="relu")(Conv2D(32, 3, activation="relu")(x))
    y = Dense(128, activation="relu")(Flatten()(y))
    return Model(x, Dense(10, activation="softmax")(y))


# fmt: off
COUNTS = [
    (four_four_one, 41),
    (lambda: Sequential([Conv2D(10, 5, input_shape=(32, 32, 3))]), 760),
    (lambda: Sequential([Conv2D(4, 5, input_shape=(28, 28, 1)), AveragePooling2D(), Conv2D(12, 5),
                         AveragePooling2D(), Flatten(), Dense(10)]), 3_246),
    (lambda: Sequential([Conv2D(64, 3, activation="relu", input_shape=(28, 28, 1)), MaxPooling2D(2),
                         Conv2D(64, 3, activation="relu"), MaxPooling2D(2), Flatten(), Dropout(0.2),
                         Dense(10, activation="softmax")]), 53_578),
    (lambda: Sequential([SimpleRNN(256, input_shape=(28, 28)), Dense(10)]), 75_530),
    (lambda: Sequential([GRU(256, input_shape=(28, 28)), Dense(10)]), 222_218),
    (short_mlp, 269_322),
    (lambda: Sequential([LSTM(256, input_shape=(28, 28)), Dense(10)]), 294_410),
    (functional_cnn, 1_626_442),
]
# fmt: on


@pytest.mark.parametrize(("made", "count"), COUNTS, ids=[str(c) for _, c in COUNTS])
def test_counts(made, count: int) -> None:
    model = made()
    assert model.count_params() == count
    assert f"Total params: {count:,}" in lines_of(model)


def test_frozen_weights_are_not_trained() -> None:
    model = short_mlp()
    model.layers[0].trainable = False
    lines = lines_of(model, show_trainable=True)
    assert "Trainable params: 68,362" in lines
    assert "Non-trainable params: 200,960" in lines
    assert [line.split()[-1] for line in lines[4:9]] == ["N", "-", "Y", "-", "Y"]


def test_layers_of_a_frozen_model_are_frozen() -> None:
    inner = Sequential([Dense(4, input_shape=(8,), name="deep")], name="inner")
    inner.trainable = False
    lines = lines_of(Sequential([inner, Dense(2)]), show_trainable=True, expand_nested=True)
    assert [line.split()[-1] for line in lines[4:7]] == ["N", "N", "Y"]


# ---------------------------------------------------------------------------- nets


def net() -> Model:
    """Two inputs, a shared layer, a nested model, two outputs."""
    a, b = Input((8,), name="a"), Input((8,), name="b")
    shared = Dense(8, name="shared")
    first, second = shared(a), shared(b)
    inner = Sequential([Dense(4, input_shape=(8,)), Dense(3)], name="inner")
    both = Concatenate(name="both")([inner(Add(name="sum")([first, second])), a])
    return Model([a, b], [both, first], name="net")


def test_what_is_no_chain_says_what_follows_what() -> None:
    lines = lines_of(net())
    assert lines[2].split()[-2:] == ["Connected", "to"]
    assert words(lines)[3:] == [
        ["a", "(InputLayer)", "(None,", "8)", "0"],
        ["b", "(InputLayer)", "(None,", "8)", "0"],
        ["shared", "(Dense)", "(None,", "8)", "72", "a[0][0]"],
        ["b[0][0]"],
        ["sum", "(Add)", "(None,", "8)", "0", "shared[0][0]"],
        ["shared[1][0]"],
        ["inner", "(Sequential)", "(None,", "3)", "51", "sum[0][0]"],
        ["both", "(Concatenate)", "(None,", "11)", "0", "inner[0][0]"],
        ["a[0][0]"],
        ["=" * 98],
        ["Total", "params:", "123"],
        ["Trainable", "params:", "123"],
        ["Non-trainable", "params:", "0"],
    ]


def test_operations_between_layers_are_passed_through() -> None:
    x = Input((4,), name="x")
    y = Dense(4, name="first")(x) * 2.0 + x
    lines = words(lines_of(Model(x, Dense(1, name="last")(y))))
    (last,) = (i for i, line in enumerate(lines) if line[0] == "last")
    assert {lines[last][-1], lines[last + 1][-1]} == {"first[0][0]", "x[0][0]"}


def test_nested_models() -> None:
    lines = lines_of(net(), expand_nested=True)
    (at,) = (i for i, line in enumerate(lines) if line.startswith("inner"))
    assert [line.split()[:4] for line in lines[at + 1 : at + 3]] == [
        ["└", "dense", "(Dense)", "(None,"],
        ["└", "dense_1", "(Dense)", "(None,"],
    ]
    assert [line.split()[-1] for line in lines[at + 1 : at + 3]] == ["36", "15"]


def test_calls_on_data_do_not_change_the_table() -> None:
    model = short_mlp()
    before = lines_of(model)
    model(np.ones((3, 784)))
    assert lines_of(model) == before


class Halves(Layer):
    def call(self, inputs):
        return [inputs[:, :1], inputs[:, 1:]]


def test_several_outputs_of_a_layer() -> None:
    x = Input((4, 6))
    model = Model(x, list(LSTM(5, return_state=True, name="recurrent")(x)))
    assert any("(None, 5)" in line for line in lines_of(model) if line.startswith("recurrent"))
    x = Input((4,))
    halves = Halves(name="halves")(x)
    lines = lines_of(Model(x, [Dense(1)(halves[0]), Dense(1)(halves[1])]))
    assert any("(None, 1), (None, 3)" in line for line in lines if line.startswith("halves"))
    assert sum("halves[0][1]" in line for line in lines) == 1


# ---------------------------------------------------------------------------- not built


@pytest.mark.parametrize("model", [Sequential(), Sequential([Dense(3)]), FourFourOne()])
def test_what_is_not_built_says_so(model: Model) -> None:
    lines = lines_of(model, show_flops=True, expand_nested=True)
    assert "is not built" in lines[-2]
    assert "Total params: 0" in lines
    assert sum("0 (unbuilt)" in line for line in lines) == len(model.layers)


def test_built_by_data() -> None:
    lines = lines_of(four_four_one())
    assert "not built" not in "".join(lines)
    assert [line.split()[-1] for line in lines[4:7]] == ["16", "20", "5"]


# ---------------------------------------------------------------------------- form


def test_a_range_of_layers() -> None:
    model = long_mlp()

    def names(*between: str) -> list[str]:
        return [
            row[0]
            for row in words(lines_of(model, layer_range=between))[3:]
            if row[1:] and row[1][0] == "("
        ]

    assert names("dense_1", "dropout_1") == ["dense_1", "activation_1", "dropout_1"]
    assert names("dropout_1", "dense_1") == names("dense_1", "dropout_1")
    assert names("act", "act.*_1") == names("activation", "activation_1")
    with pytest.raises(UnknownNameError, match="no layer has that name"):
        names("dense", "conv")
    for wrong in (("dense",), "ab", (1, 2)):
        with pytest.raises(ArgumentError, match="layer_range"):
            lines_of(model, layer_range=wrong)


def test_width() -> None:
    lines = lines_of(long_mlp(), line_length=40)
    assert max(map(len, lines)) <= 40
    assert lines[1] == "_" * 40
    text = " ".join(" ".join(line.split()) for line in lines)
    assert "activation_1" in text
    assert lines_of(short_mlp(), positions=[30, 50, 60])[2].index("Param #") == 50
    relative = lines_of(short_mlp(), line_length=100, positions=[0.5, 0.8, 1.0])
    assert relative[2].index("Output Shape") == 50
    with pytest.raises(ArgumentError, match="too narrow"):
        lines_of(short_mlp(), line_length=8)
    with pytest.raises(ArgumentError, match="where each column ends"):
        lines_of(short_mlp(), positions=[0.5, 1.0])


def test_long_names_make_the_table_wider() -> None:
    model = Sequential([Dense(3, input_shape=(2,), name="x" * 70)])
    lines = lines_of(model)
    assert lines[4].split() == ["x" * 70, "(Dense)", "(None,", "3)", "9"]
    assert len(lines[1]) >= len(lines[4])


# ---------------------------------------------------------------------------- operations


def test_flops_of_layers() -> None:
    model = short_mlp()
    model.layers[0].trainable = False
    found = list(flops_of_layers(model).values())
    softmax = 10 + 10 + 10 + 10 + 10  # max, minus, exp, sum, division
    bias_and_relu = 256 + 2 * 256  # relu compares and selects
    assert found == [
        2 * 200_704 + bias_and_relu,
        0,
        2 * 65_536 + bias_and_relu,
        0,
        2 * 2_560 + 10 + softmax,
    ]
    assert model.count_flops() == count_flops(model) == sum(found)
    assert model.count_flops((3, 784)) == 3 * sum(found)
    lines = lines_of(model, show_flops=True)
    assert lines[4].split()[-1] == str(found[0])
    assert f"Total FLOPs of one example: {sum(found):,}" in lines


def test_flops_of_subclasses_and_layers() -> None:
    assert FourFourOne().count_flops((None, 3)) == 2 * (12 + 16 + 4) + 9 + 9
    assert count_flops(Add(), [(None, 3), (None, 3)]) == 3
    with pytest.raises(ModeError, match="shape of the input"):
        FourFourOne().count_flops()
    with pytest.raises(ShapeError, match="not known"):
        Sequential([Conv2D(2, 3, input_shape=(None, None, 3))]).count_flops()
    assert (
        Sequential([Conv2D(2, 3, use_bias=False, input_shape=(None, None, 3))]).count_flops(
            (None, 4, 5, 3)
        )
        == 2 * 6 * 2 * 27
    )


def test_shared_layers_count_each_call() -> None:
    found = {layer.name: count for layer, count in flops_of_layers(net()).items()}
    assert found["shared"] == 2 * (2 * 64 + 8)
    assert net().count_flops() == sum(found.values())


def test_vgg16() -> None:
    """Simonyan and Zisserman 2014, configuration D: where its weights and its work are."""
    model = Sequential([Input((224, 224, 3))])
    for block in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for filters in block:
            model.add(Conv2D(filters, 3, padding="same", use_bias=True, kernel_initializer="zeros"))
        model.add(MaxPooling2D(2))
    model.add(Flatten())
    for units in (4096, 4096, 1000):
        model.add(Dense(units, kernel_initializer="zeros"))
    assert model.count_params() == 138_357_544
    weights = {"Conv2D": 0, "Dense": 0, "MaxPooling2D": 0, "Flatten": 0}
    work = dict(weights)
    for layer, count in flops_of_layers(model).items():
        kind, bias = type(layer).__name__, int(np.prod(layer.output_shape[1:]))
        weights[kind] += layer.count_params()
        work[kind] += (count - bias) // 2 if layer.weights else 0
    assert weights["Dense"] == 123_642_856
    assert weights["Conv2D"] == 14_714_688
    assert sum(work.values()) == 15_470_264_320
    assert round(100 * weights["Dense"] / model.count_params(), 1) == 89.4
    assert round(100 * work["Conv2D"] / sum(work.values()), 1) == 99.2


def resnet50(*, stride_first: bool) -> Model:
    """He et al. 2015, table 1: strides in the first convolution of a block, or in its 3 x 3."""

    def convolution(y, filters: int, size: int, strides: int = 1):
        options = {"padding": "same", "use_bias": False, "kernel_initializer": "zeros"}
        return BatchNormalization()(Conv2D(filters, size, strides=strides, **options)(y))

    x = Input((224, 224, 3))
    y = MaxPooling2D(3, 2, padding="same")(ReLU()(convolution(x, 64, 7, 2)))
    for stage, count in enumerate((3, 4, 6, 3)):
        filters = 64 * 2**stage
        for block in range(count):
            strides = 2 if stage and not block else 1
            first, second = (strides, 1) if stride_first else (1, strides)
            inner = ReLU()(convolution(y, filters, 1, first))
            inner = ReLU()(convolution(inner, filters, 3, second))
            inner = convolution(inner, 4 * filters, 1)
            past = y if block else convolution(y, 4 * filters, 1, strides)
            y = ReLU()(Add()([inner, past]))
    y = Dense(1000, kernel_initializer="zeros")(GlobalAveragePooling2D()(y))
    return Model(x, y)


@pytest.mark.parametrize(("stride_first", "billions"), [(True, 3.86), (False, 4.09)])
def test_resnet50(stride_first: bool, billions: float) -> None:
    model = resnet50(stride_first=stride_first)
    trained = sum(w.storage.size for w in model.trainable_weights)
    assert trained == 25_557_032
    kinds = (Conv2D, Dense)
    products = [n for layer, n in flops_of_layers(model).items() if isinstance(layer, kinds)]
    assert round((sum(products) - 1000) / 2e9, 2) == billions
