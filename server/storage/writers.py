"""Writers of runs: how far each has come, and when it attached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from trialog.server.storage import schema

_writer = schema.writer
_ONE = (_writer.c.run_id == bindparam("run"), _writer.c.writer == bindparam("name"))
_FIND = select(_writer).where(*_ONE)
_ADVANCE = update(_writer).where(*_ONE).values(cursor=bindparam("reached"))


def find_writer(connection: Connection, run_id: int, writer: str) -> Row[Any] | None:
    """Return the row of a writer, or None."""
    return connection.execute(_FIND, {"run": run_id, "name": writer}).first()


def insert_writer(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a writer that has just attached."""
    connection.execute(insert(_writer).values(dict(values)))


def advance_cursor(connection: Connection, run_id: int, writer: str, cursor: int) -> None:
    """Set the number of the last record that was applied."""
    connection.execute(_ADVANCE, {"run": run_id, "name": writer, "reached": cursor})


def has_main_writer(connection: Connection, run_id: int) -> bool:
    """Tell whether anybody attached to the run on their own account, not only joined somebody else's."""
    query = select(func.count()).where(_writer.c.run_id == run_id, _writer.c.attach != "join")
    return bool(connection.scalar(query))
