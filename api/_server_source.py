"""Runs read from a server, over its HTTP API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from trialog._credentials import find_key
from trialog._errors import CommError, ServerRefusedError, UsageError
from trialog._reader import ReadRows, StoredRun
from trialog._settings import resolve
from trialog._version import __version__

TIMEOUT_S = 30.0
PAGE_ROWS = 10_000
PAGE_RUNS = 1000


def open_server(base_url: str | None, api_key: str | None) -> ServerSource:
    """
    Return the source for a server given here or by the settings.

    Raises:
        UsageError: no server is known, or no key for it.
    """
    settings = resolve({"base_url": base_url, "api_key": api_key})
    if settings.base_url is None:
        raise UsageError(
            "no server is known: give Api(base_url=...), set TRIALOG_BASE_URL or run `trialog login ADDRESS`; "
            "runs on disk are read with Api(path='trialog-runs')"
        )
    return ServerSource(settings.base_url, find_key(settings.base_url, settings.api_key))


def check_key(base_url: str, api_key: str) -> tuple[str, str]:
    """
    Return the user that a key belongs to and the server's instance id.

    Raises:
        CommError: the server cannot be reached.
        ServerRefusedError: the key is not valid there.
    """
    me = ServerSource(base_url, api_key)._get("me", {})
    return str(me["user"]), str(me["instance"])


class ServerSource:
    """The runs of one server that one key may see."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "User-Agent": f"trialog/{__version__}",
        }

    def runs(self, entity: str | None, project: str | None) -> list[StoredRun]:
        """Return the runs of a project, or of all projects, newest first."""
        if project is not None:
            try:
                return list(self._runs_of(entity or "me", project))
            except ServerRefusedError as error:
                if error.status == 404:
                    return []
                raise
        found = [
            run for row in self._get("projects", {})["projects"] for run in self._runs_of(row["entity"], row["project"])
        ]
        return sorted(found, key=lambda run: -run.created_at)

    def run(self, entity: str | None, project: str | None, run_id: str) -> StoredRun | None:
        """Return one run; without its project, the one with this id in any project."""
        if project is None:
            return next((run for run in self.runs(None, None) if run.id == run_id), None)
        try:
            return self._stored(self._get(_path("runs", entity or "me", project, run_id), {}))
        except ServerRefusedError as error:
            if error.status == 404:
                return None
            raise

    def _runs_of(self, entity: str, project: str) -> Iterator[StoredRun]:
        cursor: str | None = None
        while True:
            query = {"limit": PAGE_RUNS, **({"cursor": cursor} if cursor else {})}
            page = self._get(_path("projects", entity, project, "runs"), query)
            for row in page["runs"]:
                yield self._stored(row)
            cursor = page.get("next")
            if not cursor:
                return

    def _stored(self, row: dict[str, Any]) -> StoredRun:
        return StoredRun(
            id=row["id"],
            name=row["name"],
            project=row["project"],
            entity=row["entity"],
            state=row["state"],
            config=_restore(row["config"]),
            summary=_restore(row["summary"]),
            tags=tuple(row["tags"]),
            notes=row["notes"],
            group=row["group"],
            job_type=row["job_type"],
            created_at=row["created_at"],
            exit_code=row["exit_code"],
            metadata=row.get("metadata") or {},
            damage=(),
            _rows=self._reader(row["entity"], row["project"], row["id"]),
        )

    def _reader(self, entity: str, project: str, run_id: str) -> ReadRows:
        def read(stream: str, min_step: int) -> Iterator[dict[str, Any]]:
            after: int | None = None
            while True:
                query: dict[str, Any] = {"stream": stream, "min_step": min_step, "limit": PAGE_ROWS}
                if after is not None:
                    query["after"] = after
                page = self._get(_path("runs", entity, project, run_id, "history"), query)
                for row in page["rows"]:
                    yield _restore(row)
                after = page.get("next")
                if after is None:
                    return

        return read

    def _get(self, path: str, query: dict[str, Any]) -> Any:
        url = f"{self._base_url}/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310 - http(s) was checked
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310
                return json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error) from error
        except (OSError, ValueError) as error:
            raise CommError(f"{self._base_url} cannot be read: {error}") from error


def _path(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _refusal(error: urllib.error.HTTPError) -> ServerRefusedError:
    try:
        said = json.loads(error.read(65536))["error"]
        return ServerRefusedError(said["message"], error.code, said["code"])
    except (ValueError, KeyError, TypeError):
        return ServerRefusedError(f"the server answered {error.code}", error.code)


def _restore(value: Any) -> Any:
    """Turn ``{"$float": "nan"}`` back into the number."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            return float(value["$float"])
        return {key: _restore(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore(item) for item in value]
    return value
