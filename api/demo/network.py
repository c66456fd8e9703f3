"""A small multilayer perceptron in numpy: two ReLU layers, softmax cross-entropy, plain gradient descent."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


class Network:
    """Classifies rows of features; weights start from He's normal distribution."""

    def __init__(self, sizes: tuple[int, ...], seed: int) -> None:
        rng = np.random.default_rng(seed)
        pairs = list(itertools.pairwise(sizes))
        self.weights = [(rng.normal(0, (2 / a) ** 0.5, (a, b))).astype(np.float32) for a, b in pairs]
        self.biases = [np.zeros(b, np.float32) for _, b in pairs]

    def train_batch(self, features: Array, labels: Labels, learning_rate: float) -> float:
        """Do one step of gradient descent on a batch and return its mean loss before the step."""
        activations = self._forward(features)
        probabilities = _softmax(activations[-1])
        rows = np.arange(len(labels))
        loss = -np.log(probabilities[rows, labels] + 1e-12).mean()
        delta = probabilities
        delta[rows, labels] -= 1
        delta /= len(labels)
        for layer in range(len(self.weights) - 1, -1, -1):
            below = activations[layer]
            gradient, bias_gradient = below.T @ delta, delta.sum(0)
            if layer:
                delta = (delta @ self.weights[layer].T) * (below > 0)
            self.weights[layer] -= np.float32(learning_rate) * gradient
            self.biases[layer] -= np.float32(learning_rate) * bias_gradient
        return float(loss)

    def evaluate(self, features: Array, labels: Labels) -> tuple[float, float]:
        """Return mean loss and accuracy."""
        probabilities = _softmax(self._forward(features)[-1])
        loss = -np.log(probabilities[np.arange(len(labels)), labels] + 1e-12).mean()
        return float(loss), float((probabilities.argmax(1) == labels).mean())

    def _forward(self, features: Array) -> list[Array]:
        activations = [features]
        last = len(self.weights) - 1
        for layer, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            total = activations[-1] @ weights + bias
            activations.append(total if layer == last else np.maximum(total, 0))
        return activations


def _softmax(scores: Array) -> Array:
    shifted = np.exp(scores - scores.max(1, keepdims=True))
    result: Array = shifted / shifted.sum(1, keepdims=True)
    return result
