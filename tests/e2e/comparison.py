"""Compares what the logs on disk hold with what a server shows, value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trialog import Api


def points(runs: list[Any]) -> dict[str, dict[tuple[int, str], Any]]:
    """Return every value of every run, as run id -> (step, metric) -> value."""
    return {
        run.id: {
            (row["_step"], key): value
            for row in run.scan_history()
            for key, value in row.items()
            if not key.startswith("_")
        }
        for run in runs
    }


def on_disk(folder: Path) -> dict[str, dict[tuple[int, str], Any]]:
    """Return the values in the run directories below a folder."""
    return points(Api(path=folder).runs())


def on_server(base_url: str, api_key: str, project: str) -> dict[str, dict[tuple[int, str], Any]]:
    """Return the values that a server has."""
    return points(Api(base_url=base_url, api_key=api_key).runs(project))
