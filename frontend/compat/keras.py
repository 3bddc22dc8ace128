"""keras: the library by the module names that Keras gives it; `NAMESPACE` is `import keras`."""

from __future__ import annotations

from pathlib import Path

from graphc.frontend import (
    activations,
    callbacks,
    config,
    constraints,
    data,
    datasets,
    dtype_policy,
    image,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from graphc.frontend.optimizers import schedules

from . import backend, draws, mode, preprocessing
from .names import Namespace, by_name, public

_NETWORKS = """VGG16 VGG19 ResNet50 ResNet50V2 ResNet101 ResNet152 InceptionV3 InceptionResNetV2
Xception MobileNet MobileNetV2 MobileNetV3Small MobileNetV3Large NASNetMobile NASNetLarge
DenseNet121 DenseNet169 DenseNet201 EfficientNetB0"""
_PRETRAINED: dict[str, str] = dict.fromkeys(
    _NETWORKS.split(),
    "no trained weights come with graphc; build the network from layers, or load weights that you "
    "have with model.load_weights",
)

_MODULES = {
    "callbacks": callbacks, "config": config, "constraints": constraints, "datasets": datasets,
    "initializers": initializers, "layers": layers, "losses": losses, "metrics": metrics,
    "models": models, "regularizers": regularizers, "utils": utils,
}  # fmt: skip
_modules = {name: Namespace(f"keras.{name}", public(m)) for name, m in _MODULES.items()}
_schedules = {"schedules": Namespace("keras.optimizers.schedules", public(schedules))}
_optimizers = public(optimizers) | _schedules
_legacy = {"legacy": Namespace("keras.optimizers.legacy", _optimizers)}
_images = Namespace(
    "keras.preprocessing.image",
    by_name(image, "array_to_img img_to_array load_img save_img")
    | {"ImageDataGenerator": data.ImageDataGenerator},
)
_networks = {
    name: Namespace(f"keras.applications.{name}", {"preprocess_input": f}, elsewhere=_PRETRAINED)
    for name, f in preprocessing.BY_NETWORK.items()
}
_policies = {
    "Policy": dtype_policy.DTypePolicy,
    "global_policy": dtype_policy.dtype_policy,
    "set_global_policy": dtype_policy.set_dtype_policy,
}


def export_saved_model(model: models.Model, saved_model_path: str) -> None:
    """The model with its graph and weights in a folder; `load_from_saved_model` reads it."""
    folder = Path(saved_model_path)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.graphc")


def load_from_saved_model(saved_model_path: str) -> models.Model:
    """The model that `export_saved_model` wrote."""
    return models.load_model(Path(saved_model_path) / "model.graphc")


_experimental = {
    "export_saved_model": export_saved_model,
    "load_from_saved_model": load_from_saved_model,
}

TABLE: dict[str, object] = {
    **_modules,
    "experimental": Namespace("keras.experimental", _experimental),
    "activations": Namespace("keras.activations", activations.BY_NAME | public(activations)),
    "applications": Namespace("keras.applications", _networks, elsewhere=_PRETRAINED),
    "backend": Namespace("keras.backend", backend.TABLE, backend.__doc__ or ""),
    "mixed_precision": Namespace("keras.mixed_precision", _policies),
    "optimizers": Namespace("keras.optimizers", _optimizers | _legacy),
    "preprocessing": Namespace("keras.preprocessing", {"image": _images}),
    "random": Namespace(
        "keras.random", by_name(draws, "normal uniform truncated_normal shuffle categorical")
    ),
    **by_name(models, "Model Sequential"),
    **by_name(layers, "Input Layer"),
    "__version__": "3.0.0",
}

NAMESPACE = Namespace("keras", TABLE, __doc__ or "")

# Whoever writes for Keras expects layers and their results to have values at once.
mode.start()
