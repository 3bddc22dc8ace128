"""The door: every public name, loaded when it is first used, so that `import graphc` is instant.

This is the only file that knows where names are across the core and the frontend, as text. Nothing
inside the project imports from here.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = {
    "activations": "graphc.frontend.activations",
    "callbacks": "graphc.frontend.callbacks",
    "config": "graphc.frontend.config",
    "constraints": "graphc.frontend.constraints",
    "data": "graphc.frontend.data",
    "datasets": "graphc.frontend.datasets",
    "dtypes": "graphc.dtypes",
    "errors": "graphc.errors",
    "image": "graphc.frontend.image",
    "initializers": "graphc.frontend.initializers",
    "layers": "graphc.frontend.layers",
    "losses": "graphc.frontend.losses",
    "metrics": "graphc.frontend.metrics",
    "models": "graphc.frontend.models",
    "nn": "graphc.ops.nn",
    "optimizers": "graphc.frontend.optimizers",
    "plots": "graphc.frontend.plots",
    "random": "graphc.ops.random",
    "regularizers": "graphc.frontend.regularizers",
    "saving": "graphc.frontend.saving.public",
    "utils": "graphc.frontend.utils",
    "visualize": "graphc.frontend.visualize",
}

_NAMES = {
    # ------------------------------------------------------------------------ building and running
    "graphc.ops.leaf": "placeholder constant full zeros ones iota arange size_of",
    "graphc.ops.variable": "variable Variable",
    "graphc.ops.convert": "as_tensor cast broadcast_to broadcast_shapes",
    "graphc.ir.graph": "Graph graph",
    "graphc.ir.node": "Tensor",
    "graphc.ir.printer": "show",
    "graphc.ir.parser": "parse",
    "graphc.ir.formula": "formula",
    "graphc.compiler": "function simplify Function",
    "graphc.target": "register_backend",
    "graphc.knobs": "settings",
    "graphc.frontend.jit": "jit",
    "graphc.frontend.visualize.draw": "draw",
    "graphc.frontend.diagnose": "diagnose bias_and_variance",
    "graphc.frontend.data.duplicates": "find_duplicates",
    "graphc.frontend.eager": "eager",
    "graphc.frontend.effects": "collecting_effects",
    "graphc.frontend.seeds": "set_seed",
    "graphc.frontend.naming": "clear_session",
    # ------------------------------------------------------------------------ derivatives
    "graphc.diff.reverse": "grad value_and_grad vjp jacobian",
    "graphc.diff.forward": "jvp hessian_vector_product",
    "graphc.diff.custom": "custom_gradient",
    # ------------------------------------------------------------------------ functions of tensors
    "graphc.ops.elementwise": """
        neg abs sign floor ceil round trunc exp expm1 log log1p sqrt rsqrt sin cos tan asin acos
        atan sinh cosh tanh asinh acosh atanh erf sigmoid isnan isinf isfinite logical_not
        bitwise_not add sub mul div floor_divide remainder pow maximum minimum atan2 equal
        not_equal less less_equal greater greater_equal logical_and logical_or logical_xor
        bitwise_and bitwise_or bitwise_xor shift_left shift_right where fma square reciprocal clip
        stop_gradient""",
    "graphc.ops.reduce": """
        sum prod max min any all mean var std argmax argmin cumsum cumprod cummax cummin
        logsumexp""",
    "graphc.ops.movement": """
        reshape expand_dims squeeze flatten transpose permute_dims swapaxes moveaxis pad concat
        stack split flip tile repeat roll""",
    "graphc.ops.matmul": "matmul tensordot outer dot einsum dot_general",
    "graphc.ops.index": """
        take gather take_along_axis scatter_add scatter_set sort argsort top_k one_hot""",
    "graphc.ops.control": "scan while_loop cond all_reduce",
    "graphc.ops.numeric": """
        linspace eye zeros_like ones_like full_like meshgrid tril triu diag diagonal trace norm
        exp2 log2 log10 logaddexp hypot heaviside nan_to_num isclose allclose count_nonzero
        average""",
    "graphc.ops.nn": """
        relu relu6 leaky_relu prelu hard_tanh hard_sigmoid hard_silu hard_shrink soft_shrink
        threshold binary_step linear elu selu celu gelu silu swish glu softplus log_sigmoid mish
        softsign sparse_plus sparse_sigmoid squareplus tanh_shrink exponential softmax
        log_softmax sparsemax conv conv1d conv2d conv3d conv_transpose conv_transpose1d
        conv_transpose2d conv_transpose3d depthwise_conv depthwise_conv1d depthwise_conv2d
        separable_conv separable_conv1d separable_conv2d max_pool min_pool avg_pool sum_pool
        global_max_pool global_avg_pool moments l2_normalize batch_norm batch_norm_inference
        layer_norm rms_norm group_norm instance_norm local_response_norm dropout alpha_dropout
        gaussian_dropout gaussian_noise resize""",
    "graphc.dtypes": """
        bool_ uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32
        float64""",
    # ------------------------------------------------------------------------ networks
    "graphc.frontend.models": "Model Sequential",
    "graphc.frontend.layers": "Input",
    "graphc.frontend.dtype_policy": "DTypePolicy dtype_policy set_dtype_policy",
}

_WHERE = {name: f"{place}:{name}" for place, names in _NAMES.items() for name in names.split()}
_WHERE |= {name: f"{place}:" for name, place in _MODULES.items()}


# The result has no annotation: type checkers then take each name as what it is used as.
def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"graphc has no {name!r}; dir(graphc) lists what there is")
    place, _, attribute = _WHERE[name].partition(":")
    module = import_module(place)
    value = vars(module)[attribute] if attribute else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_WHERE)
