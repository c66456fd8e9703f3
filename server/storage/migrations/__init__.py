"""The Alembic environment, and how the server brings its databases up to date with it."""

from __future__ import annotations

from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

#: Which tables a migration is to change: those of ``meta.db``, or those of ``chunks.db``.
Part = Literal["meta", "chunks"]


def migrate(connection: Connection, part: Part) -> None:
    """Bring one database to the newest schema, inside the transaction that ``connection`` has begun."""
    config = Config()
    config.set_main_option("script_location", "trialog.server.storage:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["part"] = part
    command.upgrade(config, "head")
