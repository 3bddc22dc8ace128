"""Losses by class, function and name; one file per family, tables.py for all of them."""

from __future__ import annotations

from .advice import suggest
from .bricks import hinge_brick, log_brick, log_softmax_brick, max_margin_brick, square_brick
from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from .divergence import KLDivergence, Poisson, kl_divergence, poisson
from .focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
)
from .loss import FunctionLoss, Loss
from .margins import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from .overlap import Dice, Tversky, dice, tversky
from .regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from .sequence import CTC, ctc
from .similarity import Circle, circle
from .tables import BY_NAME, Given, as_loss, deserialize, get, serialize

# Both spellings are in use.
BinaryCrossEntropy = BinaryCrossentropy
BinaryFocalCrossEntropy = BinaryFocalCrossentropy
CategoricalCrossEntropy = CategoricalCrossentropy
CategoricalFocalCrossEntropy = CategoricalFocalCrossentropy
SparseCategoricalCrossEntropy = SparseCategoricalCrossentropy
LossFunctionWrapper = FunctionLoss
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
mse = MSE = mean_squared_error
msle = MSLE = mean_squared_logarithmic_error
logcosh = log_cosh

__all__ = [
    "BCE",
    "BY_NAME",
    "CTC",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "BinaryFocalCrossEntropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossEntropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "FunctionLoss",
    "Given",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossEntropy",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "as_loss",
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "hinge_brick",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_brick",
    "log_cosh",
    "log_softmax_brick",
    "logcosh",
    "mae",
    "mape",
    "max_margin_brick",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "square_brick",
    "squared_hinge",
    "suggest",
    "tversky",
]
