"""The optimizers once more, in float64 NumPy, written from their papers: generators of weights."""

from __future__ import annotations

import numpy as np


def sgd(w, gradients, rate=0.05, momentum=0.0, nesterov=False):
    v = np.zeros_like(w)
    for g in gradients:
        v = momentum * v - rate * g
        w = w + (momentum * v - rate * g if nesterov else v)
        yield w


def rmsprop(w, gradients, rate=0.05, rho=0.9, momentum=0.0, centered=False, epsilon=1e-7):
    v, a, b = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for g in gradients:
        v, a = rho * v + (1 - rho) * g * g, rho * a + (1 - rho) * g
        b = momentum * b + rate * g / np.sqrt(v - (a * a if centered else 0) + epsilon)
        w = w - b
        yield w


def adam(w, gradients, rate=0.05, b1=0.9, b2=0.999, epsilon=1e-7, amsgrad=False, decay=0.0):
    m, v, top = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        w = w - rate * decay * w
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        top = np.maximum(top, v)
        alpha = rate * np.sqrt(1 - b2**t) / (1 - b1**t)
        w = w - alpha * m / (np.sqrt(top if amsgrad else v) + epsilon)
        yield w


def adamax(w, gradients, rate=0.05, b1=0.9, b2=0.999, epsilon=1e-7):
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, np.abs(g))
        w = w - rate / (1 - b1**t) * m / (u + epsilon)
        yield w


def nadam(w, gradients, rate=0.05, b1=0.9, b2=0.999, epsilon=1e-7):
    m, v = np.zeros_like(w), np.zeros_like(w)
    u = [b1 * (1 - 0.5 * 0.96**t) for t in range(1, len(gradients) + 2)]
    for t, g in enumerate(gradients, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        now, ahead = np.prod(u[:t]), np.prod(u[: t + 1])
        mean = u[t] * m / (1 - ahead) + (1 - u[t - 1]) * g / (1 - now)
        w = w - rate * mean / (np.sqrt(v / (1 - b2**t)) + epsilon)
        yield w


def adagrad(w, gradients, rate=0.05, start=0.1, epsilon=1e-7):
    a = np.full_like(w, start)
    for g in gradients:
        a = a + g * g
        w = w - rate * g / np.sqrt(a + epsilon)
        yield w


def adadelta(w, gradients, rate=0.05, rho=0.95, epsilon=1e-7):
    a, b = np.zeros_like(w), np.zeros_like(w)
    for g in gradients:
        a = rho * a + (1 - rho) * g * g
        d = np.sqrt(b + epsilon) / np.sqrt(a + epsilon) * g
        b = rho * b + (1 - rho) * d * d
        w = w - rate * d
        yield w


def adafactor(w, gradients, rate=0.05, power=-0.8, threshold=1.0):
    r, c = np.zeros(w.shape[:-1]), np.zeros((*w.shape[:-2], w.shape[-1]))
    for t, g in enumerate(gradients, start=1):
        q, b = g * g + 1e-30, 1 - t**power
        r, c = b * r + (1 - b) * q.mean(-1), b * c + (1 - b) * q.mean(-2)
        u = g / np.sqrt(np.einsum("...i,...j->...ij", r / r.mean(-1, keepdims=True), c))
        size = max(1e-3, np.sqrt(np.mean(w * w))) * min(rate, t**-0.5)
        w = w - size * u / max(1.0, np.sqrt(np.mean(u * u)) / threshold)
        yield w


def ftrl(w, gradients, rate=0.05, start=0.1, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0):
    n, z = np.full_like(w, start), np.zeros_like(w)
    for g in gradients:
        k = n + g * g
        z = z + g + 2 * shrinkage * w - (np.sqrt(k) - np.sqrt(n)) / rate * w
        size = np.where(np.abs(z) <= l1, 0.0, np.abs(z) - l1)
        n, w = k, -np.sign(z) * size / ((beta + np.sqrt(k)) / rate + 2 * l2)
        yield w


def lion(w, gradients, rate=0.05, b1=0.9, b2=0.99):
    m = np.zeros_like(w)
    for g in gradients:
        w, m = w - rate * np.sign(b1 * m + (1 - b1) * g), b2 * m + (1 - b2) * g
        yield w


def lamb(w, gradients, rate=0.05, b1=0.9, b2=0.999, epsilon=1e-7):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        u = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + epsilon)
        w = w - rate * np.linalg.norm(w) / np.linalg.norm(u) * u
        yield w
