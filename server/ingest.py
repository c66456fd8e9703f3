"""
Ingest: records of one writer become one change of the database, exactly once.

:func:`apply_batch` runs inside the transaction that also advances the writer's cursor, so a record is either
applied and counted or neither. It knows nothing of HTTP.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, insert

from trialog._aggregates import Aggregate, is_number, ops_for
from trialog._records import Kind, Record
from trialog.server.batches import Batch, Rows, bad_frames
from trialog.server.columns import Block
from trialog.server.errors import RefusedError
from trialog.server.storage import schema
from trialog.server.storage.aggregates import fold, forget_aggregates, load_aggregates, store_aggregates
from trialog.server.storage.history import append_tail
from trialog.server.storage.projects import ensure_keys, ensure_project, key_numbers, next_version, run_keys
from trialog.server.storage.runs import find_run, insert_run, pick_color, update_run
from trialog.server.storage.writers import advance_cursor, find_writer, has_main_writer, insert_writer
from trialog.server.wire import dumps, plain

SYSTEM_PREFIX = "system/"
_JSON_COLUMNS = ("config", "summary", "definitions")


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
    """One batch on its way into the database; columns of the run are written once, at the end."""

    def __init__(self, connection: Connection, source: Source, row: Row[Any] | None, writer: Row[Any] | None) -> None:
        self._connection = connection
        self._source = source
        self._now = time.time()
        self._writer_known = writer is not None
        self._base_us = 0 if writer is None else int(writer.runtime_base_us)
        self._attempt = 0 if writer is None else int(writer.attempt)
        self._run: dict[str, Any] = {}
        self._changed: set[str] = set()
        if row is not None:
            self._load(row)
        self._key_ids: dict[str, int] = {}
        self._aggregates: dict[int, Aggregate] = {}
        self._stored_aggregates: set[int] = set()
        self._blocks: list[Block] = []

    def apply(self, batch: Batch) -> Applied:
        for part in batch.parts:
            if isinstance(part, Rows):
                self._add_rows(part)
            else:
                self._add_record(part)
        if batch.records:
            self._touch(batch.records[-1])
        self._flush(batch.last)
        visible = self._attempt == self._run["attempt"]
        return Applied(batch.last, self._run["project_id"], self._blocks if visible else [], self._run["tail_rows"])

    # -- records ------------------------------------------------------------------------------------------

    def _add_record(self, record: Record) -> None:
        if record.kind == Kind.RUN:
            self._attach(record)
            return
        if record.kind == Kind.LOSS:
            self._add_loss(record)
            return
        self._require_attached(record.seq)
        if record.kind == Kind.FINISH:
            self._finish(record)
        elif self._attempt != self._run["attempt"]:
            return  # a late writer of an earlier attempt: its rows are kept, but not in the new attempt's summary
        elif record.kind == Kind.CONFIG:
            self._edit("config", record.body)
        elif record.kind == Kind.SUMMARY:
            self._edit("summary", record.body)
        elif record.kind == Kind.METRIC:
            self._define(record.body)

    def _require_attached(self, seq: int) -> None:
        if not self._writer_known:
            raise bad_frames(f"record {seq} came before the record that attaches its writer to the run")

    def _attach(self, record: Record) -> None:
        if record.seq != 1 or self._writer_known:
            raise bad_frames(f"record {record.seq} attaches a writer; only record 1 may")
        self._attach_by(record.body)

    def _attach_by(self, body: dict[str, Any]) -> None:
        attach = body["attach"]
        if not self._run:
            self._create(body)
        elif attach == "new" and has_main_writer(self._connection, self._run["id"]):
            self._start_over(body)
        elif attach != "join":
            self._take_over(body)
        self._attempt = self._run["attempt"]
        self._base_us = round(float(body.get("runtime_s") or 0.0) * 1e6)
        self._writer_known = True
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
        project_id = ensure_project(self._connection, self._source.entity_id, self._source.project)
        started_at = min(float(body["started_at"]), self._now)
        values = {
            "project_id": project_id,
            "key": self._source.run,
            "user_name": self._source.user,
            "color": pick_color(self._connection, project_id, self._source.run),
            "created_at": started_at,
            "version": 0,
            "attempt": 1,
            "name": self._source.run,
            "config": "{}",
            "summary": "{}",
            "definitions": "{}",
            **self._attachment(body),
        }
        self._load(insert_run(self._connection, {**values, **_identity_of(body)}))

    def _start_over(self, body: dict[str, Any]) -> None:
        """Begin a new attempt: earlier rows stay stored, all that is known beside them starts anew."""
        forget_aggregates(self._connection, self._run["id"])
        self._aggregates.clear()
        self._stored_aggregates.clear()
        self._set(config={}, summary={}, definitions={}, last_step=None, runtime_s=0.0, exit_code=None)
        self._set(attempt=self._run["attempt"] + 1, **self._attachment(body), **_identity_of(body))

    def _take_over(self, body: dict[str, Any]) -> None:
        """Go on with a run: what the new writer does not say stays as it is."""
        attachment = self._attachment(body)
        attachment["started_at"] = min(attachment["started_at"], self._run["started_at"])
        self._set(exit_code=None, **attachment, **_identity_of(body))

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
        if not self._writer_known:
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
        self._set(state=state, exit_code=code, finished_at=record.time_s)

    def _edit(self, name: str, body: dict[str, Any]) -> None:
        document = self._run[name]
        for key in body.get("delete") or []:
            document.pop(key, None)
        document.update(plain(body.get("set") or {}))
        self._changed.add(name)

    def _define(self, body: dict[str, Any]) -> None:
        """Take a metric definition; what it shows changes at once, except for values set by hand."""
        before = self._ops()
        self._run["definitions"][body["name"]] = plain(body)
        self._changed |= {"definitions", "summary"}
        after = self._ops()
        keys = self._matching_keys(body["name"])
        for name, aggregate in self._aggregates_of(keys).items():
            if name.startswith(SYSTEM_PREFIX):
                continue
            value = aggregate.shown(ops_for(name, after))
            if value is not None:
                self._show(name, value)
            elif self._run["summary"].get(name) == plain(aggregate.shown(ops_for(name, before))):
                self._run["summary"].pop(name, None)

    def _matching_keys(self, pattern: str) -> list[str]:
        """Return the run's metrics that a definition may be for."""
        if not pattern.endswith("*"):
            return [pattern]
        known = self._key_ids.keys() | run_keys(self._connection, self._run["id"]).keys()
        return [name for name in known if name.startswith(pattern[:-1])]

    # -- rows ---------------------------------------------------------------------------------------------

    def _add_rows(self, rows: Rows) -> None:
        self._require_attached(0)
        block = rows.block
        origins = block.origins - self._base_us
        steps = block.steps.copy()
        sampled = rows.sampled
        steps[sampled] = (block.times[sampled] - origins[sampled]) // 1_000_000
        block = Block(steps, block.times, origins, block.cells)
        self._blocks.append(block)
        if self._attempt != self._run["attempt"]:
            self._number(block)
            return
        self._fold(block)
        if len(rows.logged):
            self._note_last_row(block, rows)

    def _fold(self, block: Block) -> None:
        ops = self._ops()
        for name, aggregate in self._aggregates_for(block).items():
            fold(aggregate, block.column(name))
            if name.startswith(SYSTEM_PREFIX):
                continue
            value = aggregate.shown(ops_for(name, ops))
            if value is not None:
                self._show(name, value)
        self._changed.add("summary")

    def _note_last_row(self, block: Block, rows: Rows) -> None:
        last = rows.logged[-1]
        highest = int(block.steps[rows.logged].max())
        time_us, origin_us = int(block.times[last]), int(block.origins[last])
        known = self._run["last_step"]
        self._set(last_step=highest if known is None else max(known, highest))
        self._run["summary"] |= {
            "_step": int(block.steps[last]),
            "_timestamp": time_us / 1e6,
            "_runtime": (time_us - origin_us) / 1e6,
        }

    def _show(self, name: str, value: Any) -> None:
        summary = self._run["summary"]
        statistics = isinstance(value, dict) and "_type" not in value
        if is_number(value) or isinstance(value, str) or statistics:
            summary[name] = plain(value)
        else:
            summary.pop(name, None)

    def _ops(self) -> dict[str, list[str]]:
        definitions: dict[str, dict[str, Any]] = self._run["definitions"]
        return {name: body.get("summary") or [] for name, body in definitions.items()}

    def _aggregates_of(self, names: list[str]) -> dict[str, Aggregate]:
        """Return the aggregates of those metrics that have one."""
        missing = [name for name in names if name not in self._key_ids]
        self._key_ids |= key_numbers(self._connection, self._run["project_id"], missing)
        known = {name: self._key_ids[name] for name in names if name in self._key_ids}
        self._load_aggregates(list(known.values()))
        return {name: self._aggregates[k] for name, k in known.items() if k in self._aggregates}

    def _aggregates_for(self, block: Block) -> dict[str, Aggregate]:
        """Return the aggregates of all metrics of a block, fresh ones for new metrics."""
        self._number(block)
        wanted = {name: self._key_ids[name] for name in block.cells}
        self._load_aggregates(list(wanted.values()))
        return {name: self._aggregates.setdefault(k, Aggregate()) for name, k in wanted.items()}

    def _load_aggregates(self, key_ids: list[int]) -> None:
        missing = [key_id for key_id in key_ids if key_id not in self._aggregates]
        loaded = load_aggregates(self._connection, self._run["id"], missing)
        self._aggregates |= loaded
        self._stored_aggregates |= loaded.keys()

    def _number(self, block: Block) -> None:
        """Learn the numbers of a block's metrics, which makes those that the project does not have yet."""
        kinds = {name: bool(v.numeric.any()) for name, (_, v) in block.cells.items()}
        self._key_ids |= ensure_keys(self._connection, self._run["project_id"], kinds)

    # -- the end ------------------------------------------------------------------------------------------

    def _touch(self, last: Record) -> None:
        self._require_attached(last.seq)
        runtime_s = self._base_us / 1e6 + last.runtime_s
        self._set(updated_at=self._now, contact_at=self._now)
        if self._attempt == self._run["attempt"]:
            self._set(runtime_s=max(self._run["runtime_s"], runtime_s))
        if self._run["state"] == "lost":
            self._set(state="running")

    def _flush(self, cursor: int) -> None:
        connection, run = self._connection, self._run
        if self._blocks:
            block = Block.concat(self._blocks)
            cells = {self._key_ids[name]: cell for name, cell in block.cells.items()}
            stored = Block(block.steps, block.times, block.origins, cells)
            append_tail(connection, run["id"], self._attempt, stored)
            self._set(tail_rows=run["tail_rows"] + len(block))
        store_aggregates(connection, run["id"], self._aggregates, self._stored_aggregates)
        advance_cursor(connection, run["id"], self._source.writer, cursor)
        self._set(version=next_version(connection, run["project_id"]))
        update_run(
            connection,
            run["id"],
            {name: dumps(run[name]) if name in _JSON_COLUMNS else run[name] for name in self._changed},
        )

    def _load(self, row: Row[Any]) -> None:
        self._run = dict(row._mapping)
        for name in _JSON_COLUMNS:
            self._run[name] = json.loads(self._run[name])

    def _set(self, **values: Any) -> None:
        self._run.update(values)
        self._changed |= values.keys()


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
