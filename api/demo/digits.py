"""
Trains one small network on handwritten digits with several learning rates, as several runs at once.

The data are the 1,797 images of 8 x 8 pixels that come with scikit-learn. Run it with
``python -m trialog.demo.digits``; where the runs go is decided by the settings, as for any script.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: leave the other cores to the page

import numpy as np
from sklearn.datasets import load_digits

import trialog
from trialog.demo.network import Array, Labels, Network

LEARNING_RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
BATCH_SIZE = 32
HIDDEN = 512
VALIDATION_SIZE = 360


@dataclass
class Trial:
    """One learning rate: a network, its run and its own order of the data."""

    learning_rate: float
    network: Network
    run: trialog.Run
    best: float = 0.0


def main() -> None:
    """Train every learning rate, one epoch in turn, and finish the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=60)
    epochs = parser.parse_args().epochs
    features, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    features, labels = (features[order] / 16).astype(np.float32), labels[order]
    held_out, rest = slice(None, VALIDATION_SIZE), slice(VALIDATION_SIZE, None)
    trials = [start(rate, epochs) for rate in LEARNING_RATES]
    for epoch in range(epochs):
        shuffled = np.random.default_rng(epoch).permutation(len(labels) - VALIDATION_SIZE)
        last_step = train_epoch(trials, epoch, features[rest][shuffled], labels[rest][shuffled])
        for trial in trials:
            validate(trial, epoch, last_step, features[held_out], labels[held_out])
    for trial in trials:
        trial.run.summary["best_accuracy"] = trial.best
        trial.run.finish()


def start(learning_rate: float, epochs: int) -> Trial:
    """Start a run and its network; every network begins with the same weights."""
    run = trialog.init(
        name=f"lr-{learning_rate:g}",
        config={"lr": learning_rate, "batch_size": BATCH_SIZE, "hidden": HIDDEN, "epochs": epochs},
        reinit="create_new",
        settings={"stats_sampling_interval": 1.0, "stats_interval": 2.0},
    )
    return Trial(learning_rate, Network((64, HIDDEN, HIDDEN, 10), seed=1), run)


def train_epoch(trials: list[Trial], epoch: int, features: Array, labels: Labels) -> int:
    """
    Log the training loss of every batch and return the last batch's step.

    The trials take turns, so that their curves grow together.
    """
    batches = len(labels) // BATCH_SIZE
    for index in range(batches):
        part = slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE)
        for trial in trials:
            loss = trial.network.train_batch(features[part], labels[part], trial.learning_rate)
            trial.run.log({"train/loss": loss}, step=epoch * batches + index)
    return epoch * batches + batches - 1


def validate(trial: Trial, epoch: int, step: int, features: Array, labels: Labels) -> None:
    """Log loss and accuracy on the held-out images, at the step of the last batch."""
    loss, accuracy = trial.network.evaluate(features, labels)
    trial.best = max(trial.best, accuracy)
    trial.run.log({"val/loss": loss, "val/accuracy": accuracy, "epoch": epoch + 1}, step=step)


if __name__ == "__main__":
    main()
