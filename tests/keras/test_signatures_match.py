"""Names, the order of arguments and their defaults, beside those of real Keras."""

from __future__ import annotations

import inspect

import pytest
from oracle import says

import graphc as gx

pytestmark = pytest.mark.keras

# What Keras has and we have not: none of it is part of the library of CNNs and RNNs.
# fmt: off
LEFT_OUT = {
    "layers": {
        "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
        "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
        "AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention",
        "AugMix", "RandAugment", "RandomElasticTransform", "MaxNumBoundingBoxes",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "EinsumDense", "SpectralNormalization",
        "CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup",
        "StringLookup", "TextVectorization", "ReversibleEmbedding",
        "MelSpectrogram", "STFTSpectrogram",
        "FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper",
    },
    "optimizers": {"MultiOptimizer", "Muon", "OptimizerMap", "ScheduleFreeAdamW"},
    "callbacks": {"OrbaxCheckpoint", "RemoteMonitor"},
    "initializers": {"STFT", "STFTInitializer", "stft"},
}
# Bases, and functions whose arguments have other names.
OWN_FORM = {
    "layers": {"InputSpec", "Layer", "deserialize", "serialize"},
    "losses": {"deserialize"},
    "optimizers": {"LossScaleOptimizer"},
    "activations": {"tanh"},
}
ARGUMENTS_LEFT_OUT = {"lora_rank", "lora_alpha", "quantization_config", "optional"}
# Without a number these crop as much as the default of Keras says.
OWN_DEFAULT = {("Cropping1D", "cropping"), ("Cropping2D", "cropping"), ("Cropping3D", "cropping")}
# fmt: on
MODULES = [
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
]  # fmt: skip
SIGNATURES = """
import inspect

def arguments(thing):
    found = inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    known = [p for p in found.parameters.values() if p.name != "self"]
    if any(p.kind is p.VAR_POSITIONAL for p in known):
        return None
    return [[p.name, None if p.default is p.empty else repr(p.default)]
            for p in known if p.kind is not p.VAR_KEYWORD]

names = {n: getattr(module, n) for n in dir(module) if not n.startswith("_")}
things = {n: v for n, v in names.items() if callable(v) and not inspect.ismodule(v)}
"""
PROGRAM = f"""
module = keras
for part in name.split("."):
    module = getattr(module, part)
{SIGNATURES}
{{n: arguments(v) for n, v in things.items()}}
"""


def ours(thing: object) -> list[tuple[str, object]]:
    found = inspect.signature(thing).parameters.values()  # pyright: ignore
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [(p.name, p.default) for p in found if p.kind not in kinds]


def plain(value: object) -> object:
    """Defaults that mean the same: 1 and (1, 1), "zeros" and "Zeros", 2 and 2.0."""
    if isinstance(value, str):
        return value.replace("_", "").casefold()
    if isinstance(value, tuple) and len({plain(v) for v in value}) == 1:
        return plain(value[0])
    return value


@pytest.mark.parametrize("name", MODULES)
def test_every_name(name):
    module = gx
    for part in name.split("."):
        module = getattr(module, part)
    theirs = says(PROGRAM, name=name)
    assert isinstance(theirs, dict)
    assert {n for n in theirs if not hasattr(module, n)} == LEFT_OUT.get(name, set())
    compared = 0
    for kind, arguments in theirs.items():
        if arguments is None or kind in LEFT_OUT.get(name, ()) or kind in OWN_FORM.get(name, ()):
            continue
        found = ours(getattr(module, kind))
        known = dict(found)
        # Every layer takes these as keywords.
        wanted = [
            (n, d) for n, d in arguments
            if n not in ARGUMENTS_LEFT_OUT and (n in known or n not in ("name", "dtype"))
        ]  # fmt: skip
        in_order = [n for n, _ in found if n in dict(wanted)]
        assert in_order == [n for n, _ in wanted], kind
        # What is ours alone stands behind what Keras has.
        alone = [n for n, _ in found[: len(wanted)] if n not in dict(wanted)]
        assert not alone, (kind, alone)
        for argument, default in wanted:
            if default is None or argument == "name" or (kind, argument) in OWN_DEFAULT:
                continue
            assert plain(known[argument]) == plain(eval(default, {"inf": float("inf")})), (
                kind, argument,
            )  # fmt: skip
        compared += 1
    assert compared
