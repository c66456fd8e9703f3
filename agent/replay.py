"""
Reads run directories back into runs: what a local ``Api`` shows, also while they are being written.

Every writer's log is folded in the order in which the writers attached. A writer that attached as "new"
begins a later attempt: the run then shows that attempt alone.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from trialog._aggregates import flatten
from trialog._errors import CorruptLogError
from trialog._records import Kind, Record, decode_frame
from trialog.agent.directory import find_run_directories
from trialog.agent.summary import SummaryFold
from trialog.agent.wal.reader import Log, read_logs

SILENCE_S = 60.0


@dataclass
class LoggedRun:
    """
    One run as its logs tell it.

    ``info`` is the body of the RUN record, ``rows`` maps a step to its merged row, ``stats`` are the samples
    of system statistics, ``damage`` says in words what could not be read.
    """

    run_id: str
    directories: list[Path] = field(default_factory=list)
    info: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: SummaryFold = field(default_factory=SummaryFold)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    stats: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, Any]] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    ended: str | None = None
    exit_code: int | None = None
    updated_at: float = 0.0

    @property
    def state(self) -> str:
        """finished or failed as recorded; else running, or crashed (process gone) or lost (no sign of life)."""
        if self.ended is not None:
            return self.ended
        alive = is_writer_alive(self.info)
        if alive is not None:
            return "running" if alive else "crashed"
        return "running" if time.time() - self.updated_at < SILENCE_S else "lost"

    def apply(self, record: Record) -> None:
        """Fold one record in."""
        self.updated_at = max(self.updated_at, record.time_s)
        body = record.body
        if record.kind == Kind.HISTORY:
            self._add_row(record)
        elif record.kind == Kind.RUN:
            self._attach(body)
        elif record.kind == Kind.CONFIG:
            self.config.update(body.get("set", {}))
            for key in body.get("delete", []):
                self.config.pop(key, None)
        elif record.kind == Kind.SUMMARY:
            self.summary.set(body.get("set", {}))
            self.summary.delete(body.get("delete", []))
        elif record.kind == Kind.METRIC:
            self.summary.define(body["name"], list(body.get("summary", [])), bool(body.get("overwrite")))
        elif record.kind == Kind.STATS:
            self.stats.append({"_timestamp": record.time_s, "_runtime": record.runtime_s, **body})
        elif record.kind == Kind.LOSS:
            self.losses.append(body)
        elif record.kind == Kind.FINISH:
            self.ended, self.exit_code = str(body.get("state")), body.get("exit_code")

    def _attach(self, body: dict[str, Any]) -> None:
        if body.get("attach") == "new":
            self.config, self.summary, self.rows, self.stats = {}, SummaryFold(), {}, []
        self.info = body
        self.ended = self.exit_code = None

    def _add_row(self, record: Record) -> None:
        row = dict(flatten(record.body))
        stamps = {"_step": record.step, "_timestamp": record.time_s, "_runtime": record.runtime_s}
        self.rows.setdefault(record.step, {}).update({**stamps, **row, "_step": record.step})
        self.summary.add_row(record.step, record.body, record.time_s, record.runtime_s)


def read_runs(path: Path) -> list[LoggedRun]:
    """
    Return the runs whose directories ``path`` means, oldest first.

    A directory that cannot be read at all becomes a run with nothing but its ``damage``.
    """
    runs: dict[tuple[Any, ...], LoggedRun] = {}
    for directory in find_run_directories(path):
        logs = read_logs(directory)
        info = read_identity(logs)
        run_id = str(info["id"]) if info else directory.name
        identity = (info.get("entity"), info.get("project"), run_id) if info else (directory,)
        run = runs.setdefault(identity, LoggedRun(run_id))
        run.directories.append(directory)
        _fold(run, logs)
    return sorted(runs.values(), key=lambda run: float(run.info.get("started_at") or 0.0))


def is_writer_alive(info: dict[str, Any]) -> bool | None:
    """Tell whether the process of a RUN record (its body) is there; None when it ran on another machine."""
    metadata = info.get("metadata") or {}
    if metadata.get("host") != socket.gethostname():
        return None
    return psutil.pid_exists(int(metadata.get("pid", -1)))


def read_identity(logs: Iterable[Log]) -> dict[str, Any] | None:
    """Return the body of the first RUN record, which says whose logs these are; None without one."""
    for log in logs:
        for frame in log.frames[:1]:
            try:
                record = next(decode_frame(frame))
            except (CorruptLogError, StopIteration):
                continue
            if record.kind == Kind.RUN and isinstance(record.body.get("id"), str):
                return record.body
    return None


def _fold(run: LoggedRun, logs: Iterable[Log]) -> None:
    for log in logs:
        run.damage += log.damage
        for frame in log.frames:
            try:
                for record in decode_frame(frame):
                    run.apply(record)
            except CorruptLogError as error:
                run.damage.append(str(error))
