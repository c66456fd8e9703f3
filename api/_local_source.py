"""Runs read from run directories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trialog._errors import UsageError
from trialog._reader import ReadRows, StoredRun
from trialog.agent import LoggedRun, read_runs


class LocalSource:
    """
    The runs below a folder, read anew at every call.

    Raises:
        UsageError: the path is no folder.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise UsageError(f"{path} is no folder; give the dir passed to init, trialog-runs, or a run's folder")
        self._path = path

    def runs(self, entity: str | None, project: str | None) -> list[StoredRun]:
        """Return the matching runs, newest first."""
        found = [_stored(run) for run in read_runs(self._path)]
        return [run for run in reversed(found) if _matches(run, entity, project)]

    def run(self, entity: str | None, project: str | None, run_id: str) -> StoredRun | None:
        """Return the run with this id, or None."""
        return next((run for run in self.runs(entity, project) if run.id == run_id), None)


def _matches(run: StoredRun, entity: str | None, project: str | None) -> bool:
    return (project is None or run.project == project) and (entity is None or run.entity in ("", entity))


def _stored(run: LoggedRun) -> StoredRun:
    info = run.info
    return StoredRun(
        id=run.run_id,
        name=str(info.get("name") or run.run_id),
        project=str(info.get("project") or ""),
        entity=str(info.get("entity") or ""),
        state=run.state,
        config=run.config,
        summary=run.summary.shown(),
        tags=tuple(info.get("tags") or ()),
        notes=info.get("notes"),
        group=info.get("group"),
        job_type=info.get("job_type"),
        created_at=float(info.get("started_at") or 0.0),
        exit_code=run.exit_code,
        metadata=dict(info.get("metadata") or {}),
        damage=tuple(run.damage),
        _rows=_reader(run),
    )


def _reader(run: LoggedRun) -> ReadRows:
    def read(stream: str, min_step: int) -> Iterator[dict[str, Any]]:
        if stream == "system":
            yield from run.stats
            return
        for step in sorted(run.rows):
            if step >= min_step:
                yield run.rows[step]

    return read
