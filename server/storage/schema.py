"""
The tables, for SQLite and PostgreSQL alike.

On SQLite they lie in two files: ``meta.db`` (everything that one accepted request changes, so that it is one
transaction) and ``chunks.db`` (compacted history). Times are Unix seconds unless a name says otherwise.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
_Id = BigInteger().with_variant(Integer, "sqlite")

meta = MetaData(naming_convention=_NAMES)
chunks = MetaData(naming_convention=_NAMES)

#: Facts about this server, such as its instance id.
server_fact = Table(
    "server_fact",
    meta,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

entity = Table(
    "entity",
    meta,
    Column("id", _Id, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
)

account = Table(
    "account",
    meta,
    Column("id", _Id, primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("entity_id", _Id, ForeignKey("entity.id"), nullable=False),
    Column("created_at", Double, nullable=False),
)

#: ``prefix`` is the public part that a key is looked up by; the key itself is nowhere.
api_key = Table(
    "api_key",
    meta,
    Column("id", _Id, primary_key=True),
    Column("account_id", _Id, ForeignKey("account.id"), nullable=False),
    Column("prefix", String(16), nullable=False, index=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)

login_session = Table(
    "login_session",
    meta,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("account_id", _Id, ForeignKey("account.id"), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)

#: ``version`` grows with every change in the project: the cursor of live updates.
project = Table(
    "project",
    meta,
    Column("id", _Id, primary_key=True),
    Column("entity_id", _Id, ForeignKey("entity.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("version", BigInteger, nullable=False, default=0),
    UniqueConstraint("entity_id", "name"),
)

#: ``key`` is the run id that users see. Rows are never removed: a deleted run keeps its row, without data, so
#: that a late writer is told. ``config``, ``summary``, ``tags``, ``metadata`` and ``definitions`` are JSON in
#: the form that goes over the wire.
run = Table(
    "run",
    meta,
    Column("id", _Id, primary_key=True),
    Column("project_id", _Id, ForeignKey("project.id"), nullable=False),
    Column("key", String(128), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("exit_code", Integer),
    Column("group_name", Text),
    Column("job_type", Text),
    Column("tags", Text, nullable=False, default="[]"),
    Column("notes", Text),
    Column("config", Text, nullable=False, default="{}"),
    Column("summary", Text, nullable=False, default="{}"),
    Column("metadata", Text, nullable=False, default="{}"),
    Column("definitions", Text, nullable=False, default="{}"),
    Column("host", Text),
    Column("user_name", Text, nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("color", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("attached_at", Double, nullable=False),
    Column("attached_runtime_s", Double, nullable=False, default=0.0),
    Column("updated_at", Double, nullable=False),
    Column("contact_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("runtime_s", Double, nullable=False, default=0.0),
    Column("last_step", BigInteger),
    Column("primary_writer", String(16), nullable=False),
    Column("tail_rows", BigInteger, nullable=False, default=0),
    Column("compacted_through", BigInteger, nullable=False, default=0),
    Column("version", BigInteger, nullable=False),
    Column("deleted_at", Double),
    Column("purged_at", Double),
    UniqueConstraint("project_id", "key"),
    Index("ix_run_project_id_created_at", "project_id", "created_at", "id"),
    Index("ix_run_project_id_version", "project_id", "version"),
    Index("ix_run_state_contact_at", "state", "contact_at"),
    Index("ix_run_tail_rows", "tail_rows"),
    sqlite_autoincrement=True,
)

#: ``cursor`` is the number of the last record of this writer that was applied.
writer = Table(
    "writer",
    meta,
    Column("run_id", _Id, ForeignKey("run.id"), primary_key=True),
    Column("writer", String(16), primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attach", String(8), nullable=False),
    Column("runtime_base_us", BigInteger, nullable=False),
    Column("attached_at", Double, nullable=False),
)

metric_key = Table(
    "metric_key",
    meta,
    Column("id", _Id, primary_key=True),
    Column("project_id", _Id, ForeignKey("project.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    UniqueConstraint("project_id", "name"),
)

#: The aggregate of a metric over the current attempt of a run, as msgpack of its fields in order.
aggregate = Table(
    "aggregate",
    meta,
    Column("run_id", _Id, ForeignKey("run.id"), primary_key=True),
    Column("key_id", _Id, ForeignKey("metric_key.id"), primary_key=True),
    Column("state", LargeBinary, nullable=False),
    Index("ix_aggregate_key_id", "key_id"),
)

#: One row per accepted request. Numbers are never reused: ``run.compacted_through`` compares with them.
tail = Table(
    "tail",
    meta,
    Column("id", _Id, primary_key=True),
    Column("run_id", _Id, ForeignKey("run.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("n_rows", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("ix_tail_run_id_id", "run_id", "id"),
    sqlite_autoincrement=True,
)

#: Records that are gone, as their writer reported them.
loss = Table(
    "loss",
    meta,
    Column("id", _Id, primary_key=True),
    Column("run_id", _Id, ForeignKey("run.id"), nullable=False, index=True),
    Column("writer", String(16), nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_seq", BigInteger),
    Column("last_seq", BigInteger),
    Column("at", Double, nullable=False),
)

#: Points of one metric out of the tails ``tail_first`` to ``tail_last``. A chunk whose ``tail_last`` is beyond
#: the run's ``compacted_through`` was left by a compaction that did not end, and does not count.
chunk = Table(
    "chunk",
    chunks,
    Column("id", _Id, primary_key=True),
    Column("run_id", _Id, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("key_id", _Id, nullable=False),
    Column("tail_first", BigInteger, nullable=False),
    Column("tail_last", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("n_finite", Integer, nullable=False),
    Column("flags", Integer, nullable=False),
    Column("step_min", BigInteger, nullable=False),
    Column("step_max", BigInteger, nullable=False),
    Column("time_min_us", BigInteger, nullable=False),
    Column("time_max_us", BigInteger, nullable=False),
    Column("low", Double),
    Column("high", Double),
    Column("total", Double),
    Column("last", Double),
    Column("steps", LargeBinary, nullable=False),
    Column("times", LargeBinary, nullable=False),
    Column("origins", LargeBinary, nullable=False),
    Column("vals", LargeBinary, nullable=False),
    Index("ix_chunk_run_id_key_id_id", "run_id", "key_id", "id"),
    sqlite_autoincrement=True,
)
