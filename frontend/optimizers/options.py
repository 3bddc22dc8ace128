"""The arguments that all optimizers take besides their own."""

from __future__ import annotations

from typing import TypedDict

from graphc.errors import ArgumentError


class Common(TypedDict, total=False):
    """Keywords of every optimizer; None (and False) is "without".

    clipnorm, clipvalue, global_clipnorm: limits of each gradient's norm, of each element, of the
        norm of all gradients together; at most one of them.
    use_ema, ema_momentum, ema_overwrite_frequency: keep a running mean a = m * a + (1 - m) * w of
        each parameter; it replaces the parameters every so many steps, and at the end of `fit`.
    loss_scale_factor: the loss is multiplied by it, and gradients are divided by it again.
    gradient_accumulation_steps: parameters change at every n-th call, by the mean of n gradients.
    decay: the rate at step t is divided by 1 + decay * t.
    lr: another name of learning_rate.
    """

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    decay: float | None
    lr: float | None
    name: str | None


# Where they stand behind the arguments of an optimizer's own, with what they are when not given.
USUAL: dict[str, object] = {
    "weight_decay": None, "clipnorm": None, "clipvalue": None, "global_clipnorm": None,
    "use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None,
    "loss_scale_factor": None, "gradient_accumulation_steps": None, "name": None,
}  # fmt: skip


class Options(Common, total=False):
    """The same, and weight_decay: w = w - rate * weight_decay * w in front of each update."""

    weight_decay: float | None


def check(optimizer: str, options: Options) -> None:
    """ArgumentError for options that are unknown or out of range."""
    if unknown := set(options) - set(Options.__annotations__):
        raise ArgumentError(
            f"{optimizer} has no such argument",
            received=", ".join(sorted(unknown)),
            expected="its own arguments and " + ", ".join(Options.__annotations__),
        )
    limits = {n: options.get(n) for n in ("clipnorm", "clipvalue", "global_clipnorm")}
    if sum(limit is not None for limit in limits.values()) > 1:
        raise ArgumentError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set", received=limits
        )
    steps, every = (
        options.get("gradient_accumulation_steps"),
        options.get("ema_overwrite_frequency"),
    )
    if steps and steps < 2:
        raise ArgumentError("gradient_accumulation_steps is 2 or more", received=steps)
    if options.get("use_ema") and not 0 <= options.get("ema_momentum", 0.99) <= 1:
        raise ArgumentError("ema_momentum is 0 .. 1", received=options.get("ema_momentum"))
    if options.get("use_ema") and every and (not isinstance(every, int) or every < 1):
        raise ArgumentError("ema_overwrite_frequency is a positive integer", received=every)
