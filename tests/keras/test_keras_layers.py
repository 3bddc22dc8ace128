"""Keras's tests of layers, file by file, with a reason for each test that is left out."""

from __future__ import annotations

from harness import keras_tests

FILES = {
    "activations": ("activation", "elu", "leaky_relu", "prelu", "relu", "softmax"),
    "convolutional": ("conv", "conv_transpose", "depthwise_conv", "separable_conv"),
    "core": ("dense", "embedding", "identity", "input_layer", "lambda_layer", "masking", "wrapper"),
    "merging": ("merging",),
    "normalization": (
        "batch_normalization", "group_normalization", "layer_normalization", "rms_normalization",
        "unit_normalization",
    ),
    "pooling": ("average_pooling", "global_average_pooling", "global_max_pooling", "max_pooling"),
    "preprocessing": ("normalization", "rescaling"),
    "regularization": (
        "activity_regularization", "alpha_dropout", "dropout", "gaussian_dropout",
        "gaussian_noise", "spatial_dropout",
    ),
    "reshaping": (
        "cropping1d", "cropping2d", "cropping3d", "flatten", "permute", "repeat_vector", "reshape",
        "up_sampling1d", "up_sampling2d", "up_sampling3d", "zero_padding1d", "zero_padding2d",
        "zero_padding3d",
    ),
    "rnn": (
        "bidirectional", "gru", "lstm", "rnn", "simple_rnn", "stacked_rnn_cells",
        "time_distributed",
    ),
}  # fmt: skip
NARROW = "float16 and weights of whole numbers (quantisation) are not for layers"
LORA = "weights of low rank beside a layer's own (LoRA) are not made"
PRIVATE = "private names of Keras"
REMAT = "graphc decides by itself what to compute again (memory_budget)"
PIPELINES = "layers inside of pipelines of other libraries (tf.data, grain)"
BYTECODE = "graphc keeps no functions in configurations, and runs none from them"
WRONG = "rms_scaling divides by the variance; Keras itself calls it incorrect"
PATHS = "variables are named by their layer: inner_layer/inner"
REVIVED = "from_config raises what __init__ raises, not a TypeError"
FILES_OF_KERAS = "private methods that read Keras's files"

LOW_RANK = {"*lora*": LORA}
QUANTISED = {
    "*quant*": NARROW, "*int4*": NARROW, "*int8*": NARROW, "*kernel_packing*": NARROW,
    "*awq*": NARROW, "*gptq*": NARROW, "*test_legacy_load_own_variables": FILES_OF_KERAS,
}  # fmt: skip
OVERFLOW = {"*_within_autocast_scope": PRIVATE}
LEFT_OUT: dict[str, dict[str, str]] = {
    "conv": LOW_RANK,
    "dense": LOW_RANK | QUANTISED,
    "embedding": {
        **LOW_RANK,
        **QUANTISED,
        "*.test_invalid_input_dim": REVIVED,
        "*.test_invalid_output_dim": REVIVED,
    },
    "input_layer": {
        "*.test_input_basic_dense": "tensors do not say whether they are sparse",
        "*.test_input_shape_deprecated": "input_shape is as good a name as shape",
        "*.testing_input_tensor": "a == b of symbolic tensors is a tensor",
    },
    "lambda_layer": {
        "*.test_lambda_basics": BYTECODE,
        "*.test_correctness*": BYTECODE,
    },
    "masking": {
        "*.test_masking_correctness": "a call is traced with symbols, whose numbers it cannot ask",
    },
    "batch_normalization": OVERFLOW,
    "group_normalization": {**OVERFLOW, "*.test_mixed_precision_large_input_no_nan": NARROW},
    "layer_normalization": {
        **OVERFLOW,
        "*.test_ln_basics": WRONG,
        "*.test_output_with_rms_scaling": WRONG,
    },
    "normalization": {
        "*.test_adapt_grain_dataset": PIPELINES,
        "*.test_tf_data_compatibility": PIPELINES,
    },
    "rescaling": {
        "*.test_grain_compatibility": PIPELINES,
        "*.test_tf_data_compatibility": PIPELINES,
    },
    "up_sampling2d": {"*_lanczos_*": "graphc resizes by nearest, bilinear and bicubic"},
    "bidirectional": {"*.test_fused_*_eligibility": PRIVATE},
    "layer": {
        "*remat*": REMAT,
        "*call_context*": PRIVATE,
        "*context_arg*": PRIVATE,
        "*quant*": NARROW,
        "*_not_implemented_error_float8_call": NARROW,
        "*_not_implemented_error_int8_call": NARROW,
        "*_not_implemented_error_call": "the base class only declares call",
        "*.test_add_weight_string*": "Python's own errors for arguments that are given twice",
        "*.test_autocast": PRIVATE,
        "*.test_custom_layer_add_weight_in_*": PATHS,
        "*.test_layer_variable_tracking_correct": PATHS,
        "*.test_dtype_policy_setter": NARROW,
        "*.test_pickle_layer": "graphc writes no pickles",
        "*.test_positional_arg_error": "arguments that are no tensors may be given by position",
        "*.test_remove_weight": PRIVATE,
        "*.test_rng_seed_tracking": "a sequence of seeds is one counter, not a pair",
        "*.test_serialize_dtype": NARROW,
        "*.test_stateless_call": "for JAX; gx.function is the pure form of a layer",
        "*.test_trainable_setting": "weights stay trainable, their layer is not",
    },
}

test_layers = keras_tests(
    {
        f"layers/{folder}/{name}_test.py": LEFT_OUT.get(name, {})
        for folder, names in FILES.items()
        for name in names
    }
    | {"layers/layer_test.py": LEFT_OUT.get("layer", {})}
)
