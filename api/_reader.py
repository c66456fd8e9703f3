"""
Reading runs back: ``Api(path=...)`` from run directories, ``Api()`` from a server; the same objects.

A run that is still being written shows what it has so far; ask again for more.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from trialog._errors import UsageError

#: Yields the rows of one stream ("default" or "system") from a step on, in order.
ReadRows: TypeAlias = Callable[[str, int], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class StoredRun:
    """
    A run as it is stored. Times are Unix seconds.

    ``state`` is "running", "finished", "failed", "crashed" (its process is gone) or "lost" (no sign of life).
    ``damage`` says in words what of its files could not be read; a server's runs have none.
    """

    id: str
    name: str
    project: str
    entity: str
    state: str
    config: dict[str, Any]
    summary: dict[str, Any]
    tags: tuple[str, ...]
    notes: str | None
    group: str | None
    job_type: str | None
    created_at: float
    exit_code: int | None
    metadata: dict[str, Any]
    damage: tuple[str, ...]
    _rows: ReadRows = field(repr=False, compare=False)

    @property
    def path(self) -> str:
        """``entity/project/id``, without the parts that are not known."""
        return "/".join(part for part in (self.entity, self.project, self.id) if part)

    def scan_history(
        self, keys: Sequence[str] | None = None, min_step: int = 0, max_step: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """
        Yield every row, by step, as a dict with ``_step``, ``_timestamp``, ``_runtime`` and the metrics.

        Args:
            keys: only rows that have all of these metrics, and only these metrics of them.
            min_step: first step wanted.
            max_step: first step not wanted; None reads to the end.

        Raises:
            CommError: the server cannot be reached.
            ServerRefusedError: the server refuses.
        """
        names = _check_keys(keys)
        for row in self._rows("default", min_step):
            if max_step is not None and row["_step"] >= max_step:
                return
            if names is None:
                yield row
            elif all(name in row for name in names):
                yield {name: row[name] for name in dict.fromkeys(["_step", *names])}

    def history(
        self,
        keys: Sequence[str] | None = None,
        samples: int | None = None,
        stream: str = "default",
        pandas: bool | None = None,
    ) -> Any:
        """
        Return the rows as a pandas DataFrame, or as a list of dicts.

        Args:
            keys: as in :meth:`scan_history`.
            samples: at most so many rows, evenly spaced, the first and the last among them. Default: all.
            stream: "default" for what was logged, "system" for system statistics.
            pandas: True for a DataFrame, False for a list. Default: a DataFrame if pandas is installed.
        """
        if stream not in ("default", "system"):
            raise UsageError(f"stream={stream!r} is neither 'default' nor 'system'")
        rows = list(self.scan_history(keys) if stream == "default" else self._rows("system", 0))
        if samples is not None and 0 < samples < len(rows):
            last = len(rows) - 1
            rows = [rows[round(index * last / max(samples - 1, 1))] for index in range(samples)]
        if pandas is None:
            pandas = importlib.util.find_spec("pandas") is not None
        if not pandas:
            return rows
        return importlib.import_module("pandas").DataFrame(rows)


class Source(Protocol):
    """Where runs are stored."""

    def runs(self, entity: str | None, project: str | None) -> list[StoredRun]:
        """Return the runs of a project, or of all, newest first."""

    def run(self, entity: str | None, project: str | None, run_id: str) -> StoredRun | None:
        """Return one run; None when there is none or several match."""


class Api:
    """
    Reads runs.

    Args:
        path: the ``dir`` given to init, a ``trialog-runs`` folder, or one run's folder. Without it, the server
            is asked.
        base_url: the server's address. Default: as for :func:`trialog.init`.
        api_key: the server's key. Default: as for :func:`trialog.init`.

    Raises:
        UsageError: ``path`` is no folder, or no server is known.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._source: Source
        if path is not None:
            from trialog._local_source import LocalSource

            self._source = LocalSource(Path(path).expanduser())
        else:
            from trialog._server_source import open_server

            self._source = open_server(base_url, api_key)

    def runs(self, path: str | None = None) -> list[StoredRun]:
        """
        Return runs, newest first.

        Args:
            path: ``"project"`` or ``"entity/project"``; without it the runs of every project.
        """
        entity, project = _split_project(path)
        return self._source.runs(entity, project)

    def run(self, path: str) -> StoredRun:
        """
        Return one run.

        Args:
            path: ``"id"``, ``"project/id"`` or ``"entity/project/id"`` (``.../runs/id`` too).

        Raises:
            UsageError: there is no such run.
        """
        parts = [part for part in path.strip("/").split("/") if part]
        if len(parts) == 4 and parts[2] == "runs":
            del parts[2]
        if not 1 <= len(parts) <= 3:
            raise UsageError(f"{path!r} is no path of a run; it looks like id, project/id or entity/project/id")
        run_id, project, entity = (*reversed(parts), None, None)[:3]
        assert run_id is not None
        found = self._source.run(entity, project, run_id)
        if found is None:
            raise UsageError(f"there is no run {path!r}")
        return found


def _split_project(path: str | None) -> tuple[str | None, str | None]:
    parts = [part for part in (path or "").split("/") if part]
    if len(parts) > 2:
        raise UsageError(f"{path!r} is no path of a project; it looks like project or entity/project")
    if not parts:
        return None, None
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])


def _check_keys(keys: Sequence[str] | None) -> list[str] | None:
    if keys is None:
        return None
    if isinstance(keys, str) or not all(isinstance(key, str) for key in keys):
        raise UsageError(f"keys is a list of names, not {keys!r}")
    return list(keys)
