"""What a convolutional network has learned, in pictures.

A small network learns digits (from $GRAPHC_DATA/mnist, or downloaded); then its filters, its
answers to an image, what it looks at and what it likes to see are written into a folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import graphc as gx
from graphc.frontend.layers import Conv2D, Dense, Flatten, MaxPooling2D


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--steps", type=int, default=80, help="steps of gradient ascent")
    parser.add_argument("--out", type=Path, default=Path("seen"))
    given = parser.parse_args()

    gx.set_seed(1)
    (x, y), (x_test, y_test) = gx.datasets.mnist.load_data()
    x, y = (x[: given.limit, ..., None] / 255.0).astype("float32"), y[: given.limit]
    x_test = (x_test[: given.limit, ..., None] / 255.0).astype("float32")
    y_test = y_test[: given.limit]

    model = gx.Sequential(name="digits")
    model.add(Conv2D(12, 5, activation="relu", input_shape=(28, 28, 1), name="edges"))
    model.add(MaxPooling2D(2))
    model.add(Conv2D(24, 3, activation="relu", name="parts"))
    model.add(MaxPooling2D(2))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax", name="classes"))
    model.summary(show_flops=True)
    before = model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, 64, given.epochs, validation_data=(x_test, y_test), verbose=0)
    print(f"validation accuracy {history.history['val_acc'][-1]:.3f}")

    out, plots, look = given.out, gx.plots, gx.visualize
    shown, names = x_test[:8], [f"a {label}" for label in y_test[:8]]
    gx.utils.plot_model(model, out / "model.svg", show_shapes=True, show_layer_names=True)
    plots.plot_history(history, out / "history.png")
    plots.plot_images(x_test[:20], out / "digits.png", titles=y_test[:20])
    plots.plot_weights(model, out / "weights.png", before=before)
    plots.plot_confusion_matrix(y_test, model.predict(x_test, verbose=0), out / "confusions.png")

    # What the layers compute.
    plots.plot_filters(model.get_layer("edges"), out / "filters.png")
    plots.plot_feature_maps(model, shown[0], "edges", out / "maps_of_edges.png")
    plots.plot_feature_maps(model, shown[0], "parts", out / "maps_of_parts.png")
    plots.plot_receptive_field(model, "parts", out / "receptive_field.png")

    # Where the network looks.
    for name, heat in {
        "saliency": look.saliency(model, shown),
        "smooth_grad": look.smooth_grad(model, shown),
        "integrated_gradients": abs(look.integrated_gradients(model, shown)).max(axis=-1),
        "grad_cam": look.grad_cam(model, shown, layer="parts"),
        "occlusion": look.occlusion(model, shown, size=6),
    }.items():
        plots.plot_heat(shown, heat, out / f"{name}.png", titles=names)

    # What it likes to see.
    parts = look.activation_maximization(model, "parts", range(24), steps=given.steps, smooth=1.0)
    plots.plot_images(parts, out / "liked_by_parts.png")
    classes = look.activation_maximization(
        model, "classes", range(10), steps=given.steps, rate=0.02, smooth=20.0
    )
    plots.plot_images(classes, out / "liked_by_classes.png", titles=range(10))
    pictures = [p for p in out.iterdir() if p.suffix in (".png", ".svg")]
    print(f"{len(pictures)} pictures in {out}")


if __name__ == "__main__":
    main()
