from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from trialog.server.storage import schema
from trialog.server.storage.database import Database


@pytest.mark.parametrize(("file", "metadata"), [("meta.db", schema.meta), ("chunks.db", schema.chunks)])
def test_the_migrations_make_the_tables_that_the_code_expects(tmp_path: Path, file: str, metadata: object) -> None:
    for _ in range(2):  # the second time there is nothing to do
        database = Database(tmp_path)
        database.open()
        database.close()
    engine = create_engine(f"sqlite:///{tmp_path / file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version"})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_numbers_of_tails_and_runs_are_never_used_again(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.open()
    database.close()
    engine = create_engine(f"sqlite:///{tmp_path / 'meta.db'}")
    with engine.connect() as connection:
        for table in ("tail", "run"):
            made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": table})
            assert "AUTOINCREMENT" in made.scalar_one()
    engine.dispose()


def test_every_table_can_be_made_in_postgresql() -> None:
    for metadata in (schema.meta, schema.chunks):
        for table in metadata.sorted_tables:
            assert str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_acknowledged_commits_are_synced(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.open()
    settings = {
        name: database.submit(lambda c, name=name: c.exec_driver_sql(f"PRAGMA {name}").scalar()).result()
        for name in ("synchronous", "journal_mode", "foreign_keys")
    }
    database.close()
    assert settings == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}
