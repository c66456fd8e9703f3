"""Run by Alembic for every command; the connection comes from :func:`trialog.server.storage.migrations.migrate`."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    part=context.config.attributes["part"],
    version_table="schema_version",
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
