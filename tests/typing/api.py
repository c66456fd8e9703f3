"""User code that must type-check as it stands, in strict mode; it is never run. test_typing.py runs mypy on it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import trialog


def train(run: trialog.Run) -> None:
    run.log({"loss": 0.3, "text": "x", "nested": {"a": [1, 2]}})
    run.log({"loss": 0.3}, step=3, commit=False)
    metric: trialog.Metric = run.define_metric("loss", summary="min,max", overwrite=True)
    name: str = metric.name
    run.summary["best"] = name
    run.summary.update({"a": 1}, b=2)
    run.config.update({"lr": 1e-3}, allow_val_change=True)
    run.config.setdefaults(argparse.Namespace(lr=1e-3))
    lr: Any = run.config.lr
    tags: tuple[str, ...] = run.tags
    url: str | None = run.url
    step: int = run.step
    print(lr, tags, url, step, run.id, run.name, run.project, run.entity, run.group, run.job_type, run.notes)
    run.finish(exit_code=1)


def main() -> None:
    with trialog.init(
        "project",
        entity="team",
        name="n",
        id="i",
        group="g",
        job_type="train",
        tags=["a"],
        notes="long",
        config={"lr": 0.1},
        dir=Path("runs"),
        mode="offline",
        reinit="create_new",
        settings=trialog.Settings(silent=True, stats_interval=5),
    ) as run:
        train(run)
    trialog.init(settings={"silent": True}, tags=("a", "b"), reinit=True)
    trialog.log({"a": 1}, step=1, commit=True)
    trialog.define_metric("a", "min")
    if trialog.run is not None:
        run_id: str = trialog.run.id
        print(run_id)
    print(trialog.config["lr"], trialog.summary["a"])
    trialog.finish()


def read() -> list[float]:
    try:
        api = trialog.Api(path="trialog-runs")
    except trialog.UsageError as error:
        raise SystemExit(str(error)) from error
    found: list[float] = []
    for run in api.runs("p"):
        state: str = run.state
        config: dict[str, Any] = run.config
        print(state, config, run.summary, run.path)
        found += [float(row["loss"]) for row in run.scan_history(keys=["loss"], min_step=1, max_step=10)]
        print(run.history(samples=10, pandas=False))
    return found
