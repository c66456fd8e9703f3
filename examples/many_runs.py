"""Several runs in one process, one per learning rate, growing side by side."""

import trialog

runs = [
    trialog.init(project="examples", group="rates", name=f"lr-{lr}", config={"lr": lr}, reinit="create_new")
    for lr in (0.5, 0.1, 0.02)
]
weights = dict.fromkeys(runs, 10.0)
for _ in range(100):
    for run in runs:
        weights[run] -= run.config.lr * 2 * weights[run]
        run.log({"loss": weights[run] ** 2})
for run in runs:
    run.finish()
