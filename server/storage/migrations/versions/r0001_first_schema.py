"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create all tables of one part."""
    {"meta": _create_meta, "chunks": _create_chunks}[op.get_context().opts["part"]]()


def _create_meta() -> None:
    _create_identity()
    _create_runs()
    _create_history()


def _create_identity() -> None:
    op.create_table(
        "server_fact",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "entity",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.UniqueConstraint("name", name="uq_entity_name"),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        sa.UniqueConstraint("name", name="uq_account_name"),
        sa.Column("entity_id", _ID, sa.ForeignKey("entity.id", name="fk_account_entity_id"), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("account_id", _ID, sa.ForeignKey("account.id", name="fk_api_key_account_id"), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_index("ix_api_key_prefix", "api_key", ["prefix"])
    op.create_table(
        "login_session",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("account_id", _ID, sa.ForeignKey("account.id", name="fk_login_session_account_id"), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
    )


def _create_runs() -> None:
    op.create_table(
        "project",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("entity_id", _ID, sa.ForeignKey("entity.id", name="fk_project_entity_id"), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("entity_id", "name", name="uq_project_entity_id_name"),
    )
    op.create_table(
        "run",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("project.id", name="fk_run_project_id"), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("exit_code", sa.Integer),
        sa.Column("group_name", sa.Text),
        sa.Column("job_type", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("notes", sa.Text),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("definitions", sa.Text, nullable=False),
        sa.Column("host", sa.Text),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("color", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("attached_at", sa.Double, nullable=False),
        sa.Column("attached_runtime_s", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("contact_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("runtime_s", sa.Double, nullable=False),
        sa.Column("last_step", sa.BigInteger),
        sa.Column("primary_writer", sa.String(16), nullable=False),
        sa.Column("tail_rows", sa.BigInteger, nullable=False),
        sa.Column("compacted_through", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.Double),
        sa.Column("purged_at", sa.Double),
        sa.UniqueConstraint("project_id", "key", name="uq_run_project_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_project_id_created_at", "run", ["project_id", "created_at", "id"])
    op.create_index("ix_run_project_id_version", "run", ["project_id", "version"])
    op.create_index("ix_run_state_contact_at", "run", ["state", "contact_at"])
    op.create_index("ix_run_tail_rows", "run", ["tail_rows"])
    op.create_table(
        "writer",
        sa.Column("run_id", _ID, sa.ForeignKey("run.id", name="fk_writer_run_id"), primary_key=True),
        sa.Column("writer", sa.String(16), primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("attach", sa.String(8), nullable=False),
        sa.Column("runtime_base_us", sa.BigInteger, nullable=False),
        sa.Column("attached_at", sa.Double, nullable=False),
    )


def _create_history() -> None:
    op.create_table(
        "metric_key",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("project_id", _ID, sa.ForeignKey("project.id", name="fk_metric_key_project_id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.UniqueConstraint("project_id", "name", name="uq_metric_key_project_id_name"),
    )
    op.create_table(
        "aggregate",
        sa.Column("run_id", _ID, sa.ForeignKey("run.id", name="fk_aggregate_run_id"), primary_key=True),
        sa.Column("key_id", _ID, sa.ForeignKey("metric_key.id", name="fk_aggregate_key_id"), primary_key=True),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_aggregate_key_id", "aggregate", ["key_id"])
    op.create_table(
        "tail",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run_id", _ID, sa.ForeignKey("run.id", name="fk_tail_run_id"), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("n_rows", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tail_run_id_id", "tail", ["run_id", "id"])
    op.create_table(
        "loss",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run_id", _ID, sa.ForeignKey("run.id", name="fk_loss_run_id"), nullable=False),
        sa.Column("writer", sa.String(16), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_seq", sa.BigInteger),
        sa.Column("last_seq", sa.BigInteger),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("ix_loss_run_id", "loss", ["run_id"])


def _create_chunks() -> None:
    op.create_table(
        "chunk",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("tail_first", sa.BigInteger, nullable=False),
        sa.Column("tail_last", sa.BigInteger, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("n_finite", sa.Integer, nullable=False),
        sa.Column("flags", sa.Integer, nullable=False),
        sa.Column("step_min", sa.BigInteger, nullable=False),
        sa.Column("step_max", sa.BigInteger, nullable=False),
        sa.Column("time_min_us", sa.BigInteger, nullable=False),
        sa.Column("time_max_us", sa.BigInteger, nullable=False),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("total", sa.Double),
        sa.Column("last", sa.Double),
        sa.Column("steps", sa.LargeBinary, nullable=False),
        sa.Column("times", sa.LargeBinary, nullable=False),
        sa.Column("origins", sa.LargeBinary, nullable=False),
        sa.Column("vals", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chunk_run_id_key_id_id", "chunk", ["run_id", "key_id", "id"])
