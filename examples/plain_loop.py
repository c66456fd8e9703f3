"""A plain training loop: config, a row per step, a summary value."""

import random

import trialog

random.seed(0)
with trialog.init(project="examples", config={"lr": 0.1, "steps": 200}) as run:
    weight = 0.0
    for _ in range(run.config.steps):
        x = random.uniform(-1, 1)
        error = weight * x - 3 * x
        weight -= run.config.lr * error * x
        run.log({"train/loss": error**2, "weight": weight})
    run.summary["distance"] = abs(weight - 3)
