"""Writers of runs: how far each has come, and when it attached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from trialog.server.storage import schema

_writer = schema.writer


def find_writer(connection: Connection, run_id: int, writer: str) -> Row[Any] | None:
    """Return the row of a writer, or None."""
    query = select(_writer).where(_writer.c.run_id == run_id, _writer.c.writer == writer)
    return connection.execute(query).first()


def insert_writer(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a writer that has just attached."""
    connection.execute(insert(_writer).values(dict(values)))


def advance_cursor(connection: Connection, run_id: int, writer: str, cursor: int) -> None:
    """Set the number of the last record that was applied."""
    change = update(_writer).where(_writer.c.run_id == run_id, _writer.c.writer == writer)
    connection.execute(change.values(cursor=cursor))


def has_main_writer(connection: Connection, run_id: int) -> bool:
    """Tell whether anybody attached to the run on their own account, not only joined somebody else's."""
    query = select(func.count()).where(_writer.c.run_id == run_id, _writer.c.attach != "join")
    return bool(connection.scalar(query))
