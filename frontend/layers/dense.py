"""The fully connected layer."""

from __future__ import annotations

from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.frontend.lookup import as_config
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, matmul

from .layer import Layer
from .spec import BaseOptions, BuildShape, InputSpec, known_size


@final
class Dense(Layer):
    """y = activation(x @ kernel + bias),  (..., in) -> (..., units).

    `kernel` is (in, units), `bias` is (units,). Initializers, regularizers, constraints and the
    activation are names, classes or objects.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = Dense(256, activation="relu")
    >>> layer(placeholder((None, 784))).shape[1], layer.count_params()
    (256, 200960)
    """

    def __init__(
        self, units: int, activation: str | activations.Activation | None = None,
        use_bias: bool = True, kernel_initializer: initializers.Given = "glorot_uniform",
        bias_initializer: initializers.Given = "zeros",
        kernel_regularizer: regularizers.Given = None,
        bias_regularizer: regularizers.Given = None,
        activity_regularizer: regularizers.Given = None,
        kernel_constraint: constraints.Given = None, bias_constraint: constraints.Given = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **options)
        if isinstance(units, bool) or not isinstance(units, int) or units < 1:
            raise ArgumentError("units is a positive number", received=repr(units))
        self.units, self.use_bias = units, use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: BuildShape) -> None:
        features = known_size(self.name, input_shape, -1)
        self.kernel = self.add_weight(
            (features, self.units), self.kernel_initializer, name="kernel",
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )  # fmt: skip
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Tensor) -> Tensor:
        y = matmul.matmul(convert.cast(inputs, self.dtype), self.kernel)
        return self.activation(elementwise.add(y, self.bias) if self.use_bias else y)

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.name_of(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": as_config(self.kernel_initializer),
            "bias_initializer": as_config(self.bias_initializer),
            "kernel_regularizer": as_config(self.kernel_regularizer),
            "bias_regularizer": as_config(self.bias_regularizer),
            "kernel_constraint": as_config(self.kernel_constraint),
            "bias_constraint": as_config(self.bias_constraint),
        }
