"""The verdicts that there are, and what helps in each case."""

from __future__ import annotations

from enum import StrEnum


class Label(StrEnum):
    """What a training can look like."""

    NO_CAPACITY = "underfitting: the model cannot learn the data"
    NEEDS_TRAINING = "underfitting: training ended too early"
    OVERFITTING = "overfitting"
    GOOD_FIT = "good fit"
    SMALL_TRAINING_SET = "training set too small or not representative"
    SMALL_VALIDATION_SET = "validation set too small"
    EASY_VALIDATION_SET = "validation set easier than the training set"
    NO_VALIDATION = "trained well, but without validation"
    DIVERGED = "training diverges"
    TOO_SHORT = "too few epochs to judge"
    HIGH_VARIANCE = "high variance (overfitting)"
    HIGH_BIAS = "high bias (underfitting)"
    HIGH_BIAS_AND_VARIANCE = "high bias and high variance (a poor model)"
    LOW_BIAS_AND_VARIANCE = "low bias and low variance (just right)"


_MORE_EPOCHS = (
    "Train for more epochs, and let EarlyStopping end training once the validation curve no "
    "longer improves."
)
_CROSS_VALIDATION = (
    "Use cross-validation (k-fold), so that every example serves for training and for validation."
)
_RANDOM_SAMPLES = (
    "Draw training and validation examples at random: data sorted by class or place gives the two "
    "sets different content."
)
_CAPACITY = "Give the model more capacity: more layers, or more units or filters in each."
_LESS_REGULARISATION = (
    "Regularise less: reduce or remove weight penalties and the rates of dropout."
)
_LESS_VARIANCE = (
    "Get more training examples, or make new ones by augmentation: flips, crops, shifts, colours.",
    "Make the network smaller: fewer layers, fewer units in them, or prune the least useful ones.",
    "Penalise large weights (kernel_regularizer=l2(1e-4)).",
    "Add Dropout of 0.2 to 0.5, or BatchNormalization; one of the two is usually enough.",
)

ADVICE: dict[Label, tuple[str, ...]] = {
    Label.NO_CAPACITY: (
        "Add training examples: what is to be learnt may be too faint in so few.",
        "Add inputs (features) that say more about the answer.",
        _LESS_REGULARISATION,
        _CAPACITY,
    ),
    Label.NEEDS_TRAINING: (
        _MORE_EPOCHS,
        "If that takes long, raise the learning rate, with a schedule or ReduceLROnPlateau to "
        "lower it again later.",
    ),
    Label.OVERFITTING: (
        "Stop where the validation curve is best: EarlyStopping(restore_best_weights=True).",
        "Lower the learning rate; ReduceLROnPlateau does so once the validation curve is flat.",
        *_LESS_VARIANCE,
    ),
    Label.GOOD_FIT: (),
    Label.SMALL_TRAINING_SET: (
        "Add training examples: those there are do not show all that the validation set asks.",
        "For images, use augmentation to vary the training examples more.",
        _RANDOM_SAMPLES,
        _CROSS_VALIDATION,
    ),
    Label.SMALL_VALIDATION_SET: (
        "Put more examples into the validation set.",
        _CROSS_VALIDATION,
    ),
    Label.EASY_VALIDATION_SET: (
        "Dropout, noise, augmentation and weight penalties act in training only and by themselves "
        "make the training curve look worse: compare with evaluate on the training data.",
        "Look for examples that are in both sets (find_duplicates).",
        "Look for leakage: statistics or features computed from both sets together.",
        _RANDOM_SAMPLES,
        _CROSS_VALIDATION,
    ),
    Label.NO_VALIDATION: ("Give fit validation_data or a validation_split to judge new data.",),
    Label.DIVERGED: (
        "Lower the learning rate, for instance to a tenth.",
        "Scale the inputs to about -1 .. 1, and limit gradients with clipnorm=1.0.",
    ),
    Label.TOO_SHORT: (_MORE_EPOCHS,),
    Label.HIGH_VARIANCE: _LESS_VARIANCE,
    Label.HIGH_BIAS: (_CAPACITY, _LESS_REGULARISATION, _MORE_EPOCHS),
    Label.HIGH_BIAS_AND_VARIANCE: (
        "Use another architecture, one that is known to work for this kind of data.",
        _CAPACITY,
        _LESS_VARIANCE[0],
        _RANDOM_SAMPLES,
    ),
    Label.LOW_BIAS_AND_VARIANCE: (),
}
