"""`run_layer_test` of Keras's test cases: what it asks of a layer, in our words.

Sparse and ragged inputs and mixed precision are not looked at.
"""

from __future__ import annotations

import numpy as np

import graphc as gx
from graphc.frontend import layers, seeds
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.members import parts_of
from graphc.frontend.masks import mask_of
from graphc.ir.tree import leaves

from .ops import convert_to_numpy


def run_layer_test(
    case, layer_cls, init_kwargs, input_shape=None, input_dtype=None, input_data=None,
    call_kwargs=None, expected_output_shape=None, expected_output_dtype=None, expected_output=None,
    expected_num_trainable_weights=None, expected_num_non_trainable_weights=None,
    expected_num_seed_generators=None, expected_num_losses=None, supports_masking=None,
    expected_mask_shape=None, run_training_check=True, **others,
):  # fmt: skip
    options = call_kwargs or {}
    if others.get("input_sparse") or others.get("input_ragged"):
        return
    data = _data(input_shape, input_dtype) if input_data is None else input_data
    case.run_class_serialization_test(layer_cls(**init_kwargs))
    layer = layer_cls(**init_kwargs)
    if supports_masking is not None:
        assert layer.supports_masking == supports_masking
    if data is None:
        return
    output = layer(data, **options)
    _shapes(output, expected_output_shape)
    if expected_output_dtype is not None:
        wanted = expected_output_dtype
        names = [t.dtype.name for t in leaves(output)]
        assert names == list(wanted if isinstance(wanted, tuple | list) else [wanted])
    if expected_output is not None:
        case.assertAllClose(output, expected_output)
    counts = (
        (layer.trainable_weights, expected_num_trainable_weights),
        (layer.non_trainable_weights, expected_num_non_trainable_weights),
        (_generators(layer), expected_num_seed_generators),
    )
    for found, wanted in counts:
        assert wanted is None or len(found) == wanted, (found, wanted)
    _symbolic(layer_cls(**init_kwargs), data, options, expected_output_shape, expected_mask_shape)
    if expected_num_losses is not None:
        with collecting_effects() as effects:
            layer(data, **options)
        assert len(layer.losses) + len(effects.losses) == expected_num_losses
    if run_training_check and all(t.dtype.is_float for t in leaves(output)):
        _trained(layer_cls(**init_kwargs), data, options)


def _data(shape, dtype):
    if shape is None:
        return None
    if isinstance(shape[0], tuple | list):
        dtypes = dtype or ["float32"] * len(shape)
        return [_data(s, d) for s, d in zip(shape, dtypes)]
    kind = dtype or "float32"
    return gx.constant(np.ones(shape, "float32" if "float" in kind else kind), kind)


def _shapes(output, wanted):
    if wanted is not None:
        several = isinstance(wanted[0], tuple | list)
        found = [t.shape for t in leaves(output)]
        for have, want in zip(found, wanted if several else [wanted], strict=True):
            assert len(have) == len(want), (have, want)
            fits = (b is None or not isinstance(a, int) or a == b for a, b in zip(have, want))
            assert all(fits), (have, want)


def _symbolic(layer, data, options, shape, mask_shape):
    def like(x):
        value = convert_to_numpy(x)
        return layers.Input(batch_shape=value.shape, dtype=value.dtype)

    inputs = [like(x) for x in data] if isinstance(data, list | tuple) else like(data)
    output = layer(inputs, **options)
    _shapes(output, shape)
    if mask_shape is not None:
        assert mask_of(leaves(output)[0]).shape == tuple(mask_shape)


def _trained(layer, data, options):
    total = layer(data, **{"training": True, **options})
    loss = sum(gx.sum(t) for t in leaves(total))
    wanted = tuple(layer.trainable_weights)
    for slope in leaves(gx.grad(loss, wanted)) if wanted else ():
        assert np.all(np.isfinite(slope.numpy()))


def _generators(layer):
    held = [v for part in parts_of(layer) for v in vars(part).values()]
    return [v for v in held if isinstance(v, seeds.SeedGenerator)]
