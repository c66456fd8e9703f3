"""A run while a batch changes it: its columns in memory, written back once."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row

from trialog.server.storage.runs import update_run
from trialog.server.wire import dumps

#: Columns that hold JSON documents and are changed in place.
_DOCUMENTS = ("config", "summary", "definitions")


class RunDraft:
    """The columns of a run; documents are decoded."""

    def __init__(self, row: Row[Any]) -> None:
        self._columns = dict(row._mapping)
        self._changed: set[str] = set()
        for name in _DOCUMENTS:
            self._columns[name] = json.loads(self._columns[name])

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def set(self, **values: Any) -> None:
        """Change columns."""
        self._columns.update(values)
        self._changed |= values.keys()

    def document(self, name: str) -> dict[str, Any]:
        """Return a document that the caller is going to change."""
        self._changed.add(name)
        found: dict[str, Any] = self._columns[name]
        return found

    def save(self, connection: Connection) -> None:
        """Write what changed."""
        columns = self._columns
        changes = {name: dumps(columns[name]) if name in _DOCUMENTS else columns[name] for name in self._changed}
        update_run(connection, columns["id"], changes)
