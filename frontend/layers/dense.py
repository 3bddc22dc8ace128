"""The fully connected layer."""

from __future__ import annotations

from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, matmul
from graphc.ops.variable import Variable

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

    supports_masking = True
    bias: Variable | None = None

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
        self.activation: activations.Activation | None = activations.get(activation)
        self.declare("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.declare("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: BuildShape) -> None:
        features = known_size(self.name, input_shape, -1)
        self.kernel = self.add_weight((features, self.units), name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.units,), name="bias")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Tensor) -> Tensor:
        y = matmul.matmul(convert.cast(inputs, self.compute_dtype), self.kernel)
        y = y if self.bias is None else elementwise.add(y, self.bias)
        return y if self.activation is None else self.activation(y)
