"""
Ingest: records of one writer become one change of the database, exactly once.

:func:`apply_batch` runs inside the transaction that also advances the writer's cursor, so a record is either
applied and counted or neither. It knows nothing of HTTP.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, insert

from trialog._records import Kind, Record
from trialog.server.batches import Batch, Rows, bad_frames
from trialog.server.columns import Block
from trialog.server.draft import RunDraft
from trialog.server.errors import RefusedError
from trialog.server.metrics import RunMetrics
from trialog.server.storage import schema
from trialog.server.storage.history import append_tail
from trialog.server.storage.projects import ensure_project, next_version
from trialog.server.storage.runs import find_run, insert_run, pick_color, update_run
from trialog.server.storage.writers import advance_cursor, find_writer, has_main_writer, insert_writer
from trialog.server.wire import dumps, plain


@dataclass(frozen=True)
class Source:
    """Who sends: the account, and the run and writer it names."""

    entity_id: int
    user: str
    project: str
    run: str
    writer: str


@dataclass
class Applied:
    """
    What came of a batch: the writer's cursor, and for live pages what changed.

    ``project_id`` is None when nothing visible did; ``tail_rows`` are the run's rows that wait for compaction.
    """

    ack: int
    project_id: int | None = None
    blocks: list[Block] = field(default_factory=list)
    tail_rows: int = 0


def apply_batch(connection: Connection, source: Source, batch: Batch) -> Applied:
    """
    Apply what is new in a batch.

    Raises:
        RefusedError: 409 when records before the batch are missing, 410 when the run was deleted, 400 when
            the records contradict each other.
    """
    row = find_run(connection, source.entity_id, source.project, source.run)
    if row is not None and row.deleted_at is not None:
        raise run_deleted()
    writer = None if row is None else find_writer(connection, row.id, source.writer)
    cursor = 0 if writer is None else int(writer.cursor)
    if batch.first > cursor + 1:
        raise _gap(cursor + 1)
    if batch.last < batch.first:
        return _heartbeat(connection, row, cursor)
    if batch.last <= cursor:
        return Applied(cursor)
    change = _Change(connection, source, row, writer)
    return change.apply(batch.after(cursor))


def run_deleted() -> RefusedError:
    """Return the 410 that tells a writer to stop."""
    return RefusedError(410, "run_deleted", "this run was deleted on the server; its local log stays as it is")


def _gap(expected: int) -> RefusedError:
    message = f"records before these are missing here; send from record {expected} on"
    return RefusedError(409, "gap", message, extra={"expected": expected})


def _heartbeat(connection: Connection, row: Row[Any] | None, cursor: int) -> Applied:
    if row is None:
        return Applied(cursor)
    changes: dict[str, Any] = {"contact_at": time.time()}
    if row.state != "lost":
        update_run(connection, row.id, changes)
        return Applied(cursor)
    changes |= {"state": "running", "version": next_version(connection, row.project_id)}
    update_run(connection, row.id, changes)
    return Applied(cursor, row.project_id)


class _Change:
    """One batch on its way into the database; the run and its aggregates are written once, at the end."""

    def __init__(self, connection: Connection, source: Source, row: Row[Any] | None, writer: Row[Any] | None) -> None:
        self._connection = connection
        self._source = source
        self._now = time.time()
        self._attached = writer is not None
        self._base_us = 0 if writer is None else int(writer.runtime_base_us)
        self._attempt = 0 if writer is None else int(writer.attempt)
        self._blocks: list[Block] = []
        if row is not None:
            self._open(row)
        self._is_new = row is None

    def _open(self, row: Row[Any]) -> None:
        self._run = RunDraft(row)
        self._metrics = RunMetrics(self._connection, self._run)

    def apply(self, batch: Batch) -> Applied:
        for part in batch.parts:
            if isinstance(part, Rows):
                self._add_rows(part)
            else:
                self._add_record(part)
        if batch.records:
            self._touch(batch.records[-1])
        self._save(batch.last)
        blocks = self._blocks if self._is_current else []
        return Applied(batch.last, self._run["project_id"], blocks, self._run["tail_rows"])

    @property
    def _is_current(self) -> bool:
        """Whether the writer belongs to the run's current attempt, and not to one that was started over."""
        return bool(self._attempt == self._run["attempt"])

    def _add_record(self, record: Record) -> None:
        kind, body = record.kind, record.body
        if kind == Kind.RUN:
            self._attach(record)
        elif kind == Kind.LOSS:
            self._add_loss(record)
        elif not self._attached:
            raise bad_frames(f"record {record.seq} came before the one that attaches its writer to the run")
        elif kind == Kind.FINISH:
            self._finish(record)
        elif not self._is_current:
            return  # a late writer of an earlier attempt: its rows are kept, the new attempt's documents are not its
        elif kind == Kind.CONFIG:
            _edit(self._run.document("config"), body)
        elif kind == Kind.SUMMARY:
            _edit(self._run.document("summary"), body)
        elif kind == Kind.METRIC:
            self._metrics.define(body)

    def _attach(self, record: Record) -> None:
        if record.seq != 1 or self._attached:
            raise bad_frames(f"record {record.seq} attaches a writer; only record 1 may")
        self._attach_by(record.body)

    def _attach_by(self, body: dict[str, Any]) -> None:
        attach = body["attach"]
        if self._is_new:
            self._create(body)
        elif attach == "new" and has_main_writer(self._connection, self._run["id"]):
            self._start_over(body)
        elif attach != "join":
            self._take_over(body)
        self._attempt = self._run["attempt"]
        self._base_us = round(float(body.get("runtime_s") or 0.0) * 1e6)
        self._attached = True
        values = {
            "run_id": self._run["id"],
            "writer": self._source.writer,
            "cursor": 0,
            "attempt": self._attempt,
            "attach": attach,
            "runtime_base_us": self._base_us,
            "attached_at": self._now,
        }
        insert_writer(self._connection, values)

    def _create(self, body: dict[str, Any]) -> None:
        source = self._source
        project_id = ensure_project(self._connection, source.entity_id, source.project)
        values = {
            "project_id": project_id,
            "key": source.run,
            "name": source.run,
            "user_name": source.user,
            "color": pick_color(self._connection, project_id, source.run),
            "created_at": min(float(body["started_at"]), self._now),
            "version": 0,
        }
        self._open(insert_run(self._connection, {**values, **self._attachment(body), **_identity_of(body)}))

    def _start_over(self, body: dict[str, Any]) -> None:
        """Begin a new attempt: earlier rows stay stored, all that is known beside them starts anew."""
        self._metrics.start_over()
        self._run.set(config={}, summary={}, definitions={}, last_step=None, runtime_s=0.0, exit_code=None)
        self._run.set(attempt=self._run["attempt"] + 1, **self._attachment(body), **_identity_of(body))

    def _take_over(self, body: dict[str, Any]) -> None:
        """Go on with a run: what the new writer does not say stays as it is."""
        attachment = self._attachment(body)
        attachment["started_at"] = min(attachment["started_at"], self._run["started_at"])
        self._run.set(exit_code=None, **attachment, **_identity_of(body))

    def _attachment(self, body: dict[str, Any]) -> dict[str, Any]:
        started_at = float(body["started_at"])
        return {
            "state": "running",
            "finished_at": None,
            "primary_writer": self._source.writer,
            "started_at": started_at,
            "attached_at": started_at,
            "attached_runtime_s": float(body.get("runtime_s") or 0.0),
            "updated_at": self._now,
            "contact_at": self._now,
        }

    def _add_loss(self, record: Record) -> None:
        if not self._attached:
            # The record that attaches the writer is itself lost: what follows is kept all the same.
            self._attach_by({"attach": "join", "started_at": record.time_s})
        body = record.body
        values = {name: body.get(name) for name in ("kind", "reason", "count", "first_seq", "last_seq")}
        values |= {"run_id": self._run["id"], "writer": self._source.writer, "at": record.time_s}
        self._connection.execute(insert(schema.loss).values(values))

    def _finish(self, record: Record) -> None:
        if self._source.writer != self._run["primary_writer"]:
            return  # a joined process ended; the run goes on
        state, code = record.body["state"], record.body.get("exit_code")
        self._run.set(state=state, exit_code=code, finished_at=record.time_s)

    def _add_rows(self, rows: Rows) -> None:
        if not self._attached:
            raise bad_frames("rows came before the record that attaches their writer to the run")
        block = rows.placed(self._base_us)
        self._blocks.append(block)
        if not self._is_current:
            self._metrics.number(block)
            return
        self._metrics.add(block)
        if len(rows.logged):
            self._note_last_row(block, rows)

    def _note_last_row(self, block: Block, rows: Rows) -> None:
        last = rows.logged[-1]
        highest = int(block.steps[rows.logged].max())
        time_us, origin_us = int(block.times[last]), int(block.origins[last])
        known = self._run["last_step"]
        self._run.set(last_step=highest if known is None else max(known, highest))
        self._run.document("summary").update(
            _step=int(block.steps[last]), _timestamp=time_us / 1e6, _runtime=(time_us - origin_us) / 1e6
        )

    def _touch(self, last: Record) -> None:
        run = self._run
        run.set(updated_at=self._now, contact_at=self._now)
        if self._is_current:
            run.set(runtime_s=max(run["runtime_s"], self._base_us / 1e6 + last.runtime_s))
        if run["state"] == "lost":
            run.set(state="running")

    def _save(self, cursor: int) -> None:
        connection, run = self._connection, self._run
        if self._blocks:
            block = self._metrics.numbered(Block.concat(self._blocks))
            append_tail(connection, run["id"], self._attempt, block)
            run.set(tail_rows=run["tail_rows"] + len(block))
        self._metrics.save()
        advance_cursor(connection, run["id"], self._source.writer, cursor)
        run.set(version=next_version(connection, run["project_id"]))
        run.save(connection)


def _edit(document: dict[str, Any], body: dict[str, Any]) -> None:
    for key in body.get("delete") or []:
        document.pop(key, None)
    document.update(plain(body.get("set") or {}))


def _identity_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a RUN record sets; what it leaves out or empty is not among them."""
    metadata = body.get("metadata") or {}
    host = metadata.get("host")
    found = {
        "name": body.get("name"),
        "group_name": body.get("group"),
        "job_type": body.get("job_type"),
        "notes": body.get("notes"),
        "tags": dumps(body["tags"]) if body.get("tags") else None,
        "metadata": dumps(plain(metadata)) if metadata else None,
        "host": host if isinstance(host, str) else None,
    }
    return {name: value for name, value in found.items() if value}
