"""The functions of tensorflow by namespace: tables of names, and where each function is."""

from __future__ import annotations

from graphc.frontend import image
from graphc.ops import elementwise, matmul, nn, numeric, pooling, reduce

from . import arrays, draws, neural, pictures, values
from .names import by_name, nameless

# What a name is called here stands behind its `=`.

_REDUCED = {
    "sum": reduce.sum, "mean": reduce.mean, "max": reduce.max, "min": reduce.min,
    "prod": reduce.prod, "any": reduce.any, "all": reduce.all,
}  # fmt: skip
_MORE_REDUCED = {"std": reduce.std, "variance": reduce.var, "logsumexp": reduce.logsumexp}
_reductions = {f"reduce_{n}": arrays.reduction(f) for n, f in _REDUCED.items()}
_places = {"argmax": arrays.place_of(reduce.argmax), "argmin": arrays.place_of(reduce.argmin)}
_cumulative = {
    "cumsum": arrays.cumulative(reduce.cumsum),
    "cumprod": arrays.cumulative(reduce.cumprod),
}

# ---------------------------------------------------------------------------- functions by family

_elementwise = {
    name: arrays.pointwise(function)  # pyright: ignore[reportArgumentType]
    for name, function in by_name(
        elementwise,
        "abs acos=acos acosh add asin asinh atan atan2 atanh ceil cos cosh divide=div equal exp "
        "expm1 floor floordiv=floor_divide floormod=remainder greater greater_equal less "
        "less_equal log log1p logical_and logical_not logical_or logical_xor maximum minimum "
        "mod=remainder multiply=mul negative=neg not_equal pow reciprocal round rsqrt sigmoid sign "
        "sin sinh sqrt square subtract=sub tan tanh truediv=div erf is_nan=isnan is_inf=isinf "
        "is_finite=isfinite",
    ).items()
}
_activations = {
    name: arrays.pointwise(function)  # pyright: ignore[reportArgumentType]
    for name, function in by_name(
        nn, "relu relu6 elu selu gelu silu swish softplus softsign log_sigmoid"
    ).items()
}
_AT_THE_TOP = """abs acos acosh add asin asinh atan atan2 atanh cos cosh divide equal exp floor
greater greater_equal less less_equal logical_and logical_not logical_or maximum minimum multiply
negative not_equal pow round sigmoid sign sin sinh sqrt square subtract tan tanh truediv floordiv"""


_indexing = by_name(
    arrays, "argsort sort where gather gather_nd one_hot boolean_mask unique slice=slice_of"
)
_shapes = by_name(
    arrays,
    "reshape transpose expand_dims squeeze concat stack unstack split pad tile broadcast_to "
    "reverse",
)
_clipping = by_name(arrays, "clip_by_value clip_by_norm clip_by_global_norm")
_products = by_name(arrays, "matmul=multiply norm")

MATH = nameless({
    **_elementwise, **_reductions, **_places, **_cumulative,
    **{f"reduce_{n}": arrays.reduction(f) for n, f in _MORE_REDUCED.items()},
    **by_name(neural, "softmax log_softmax l2_normalize zero_fraction"),
    **by_name(arrays, "top_k in_top_k confusion_matrix squared_difference divide_no_nan"),
    **by_name(values, "add_n accumulate_n=add_n"),
    **by_name(numeric, "count_nonzero"),
    **by_name(_activations, "softplus softsign log_sigmoid"),
})  # fmt: skip

NN = nameless({
    **_activations, **by_name(_elementwise, "sigmoid tanh"),
    **by_name(
        neural,
        "softmax log_softmax leaky_relu dropout depthwise_conv2d moments batch_normalization "
        "l2_loss l2_normalize bias_add embedding_lookup zero_fraction "
        "softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits "
        "sigmoid_cross_entropy_with_logits",
    ),
    **by_name(arrays, "top_k in_top_k"),
    **{f"conv{n}d": neural.convolution_of(n) for n in (1, 2, 3)},
    **{f"max_pool{n}d": neural.pooling_of(pooling.max_pool, n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": neural.pooling_of(pooling.avg_pool, n) for n in (1, 2, 3)},
    "max_pool": neural.pooling_of(pooling.max_pool, None),
    "avg_pool": neural.pooling_of(pooling.avg_pool, None),
})  # fmt: skip

LINALG = nameless({
    **_products,
    **by_name(arrays, "matvec global_norm"), **by_name(neural, "l2_normalize"),
    **by_name(numeric, "trace diag diag_part=diagonal eye"),
    **by_name(matmul, "tensordot einsum"),
})  # fmt: skip

RANDOM = nameless(
    {
        **by_name(draws, "normal uniform truncated_normal shuffle categorical"),
        "set_seed": draws.set_seed,
    }
)

IMAGE = nameless(
    {
        **by_name(
            image,
            "flip_left_right flip_up_down rot90 adjust_brightness adjust_contrast adjust_hue "
            "adjust_saturation rgb_to_grayscale rgb_to_hsv hsv_to_rgb extract_patches psnr ssim "
            "total_variation sobel_edges",
        ),
        **by_name(
            pictures,
            "resize transpose random_flip_left_right random_flip_up_down grayscale_to_rgb "
            "crop_to_bounding_box pad_to_bounding_box central_crop resize_with_crop_or_pad "
            "per_image_standardization convert_image_dtype random_crop ResizeMethod",
        ),
    }
)

# What stands directly below tensorflow.
TOP = nameless({
    **by_name(_elementwise, _AT_THE_TOP),
    **_reductions, **_places, **_clipping, **_products, **_indexing, **_shapes,
    **by_name(values, "constant convert_to_tensor is_tensor cast shape size rank zeros ones fill "
                      "range=arange add_n"),
    **by_name(numeric, "linspace eye zeros_like ones_like meshgrid"),
    **by_name(matmul, "tensordot einsum"),
    **by_name(arrays, "map_fn cond while_loop"),
    **by_name(MATH, "cumsum"),
    **by_name(elementwise, "stop_gradient"),
    **by_name(arrays, "global_norm"),
    "Variable": values.Variable,
})  # fmt: skip
