"""
The two SQLite files, their threads and their transactions.

All changes of ``meta.db`` pass one writer thread. It takes what is waiting, runs each change in a savepoint of
its own and commits them together, so one sync to disk serves many requests and a change that fails takes only
itself back. Only after the commit (``synchronous=FULL``) does anybody hear of success. ``chunks.db`` is changed
by the compactor alone. Readers have connections and threads of their own and never wait for the writer.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from trialog.server.errors import unavailable
from trialog.server.storage.lock import FolderLock
from trialog.server.storage.migrations import migrate

T = TypeVar("T")

_GROUP = 64
_MAX_WAITING = 512
_READERS = 4
_QUICK = 2


class Snapshot:
    """
    What a reader sees: ``meta.db`` at one moment, and compacted history.

    Ask ``meta`` first: it says up to where chunks count, and those chunks do not change any more.
    """

    def __init__(self, meta: Connection, chunks: Connection) -> None:
        self.meta = meta
        self.chunks = chunks


@dataclass
class _Change:
    apply: Callable[[Connection], Any]
    done: Future[Any]


class Database:
    """Opens both files below ``data_dir``, migrates them, and runs changes and reads in threads."""

    def __init__(self, data_dir: Path) -> None:
        self._lock = FolderLock(data_dir)
        meta, chunks = data_dir / "meta.db", data_dir / "chunks.db"
        self._changes: queue.Queue[_Change | None] = queue.Queue()
        self._meta_writer, self._meta_reader = _engine(meta, writes=True), _engine(meta, writes=False)
        self.chunks_writer, self._chunks_reader = _engine(chunks, writes=True), _engine(chunks, writes=False)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="trialog-read")
        self._quick = ThreadPoolExecutor(_QUICK, thread_name_prefix="trialog-quick")
        self._thread = threading.Thread(target=self._work, name="trialog-write", daemon=True)

    def open(self) -> None:
        """Migrate both files and start the writer thread."""
        with self._meta_writer.begin() as connection:
            migrate(connection, "meta")
        with self.chunks_writer.begin() as connection:
            migrate(connection, "chunks")
        self._thread.start()

    def close(self) -> None:
        """Commit what is waiting, stop the threads and close the files."""
        if self._thread.is_alive():
            self._changes.put(None)
            self._thread.join()
        self._readers.shutdown(wait=True)
        self._quick.shutdown(wait=True)
        for engine in (self._meta_reader, self._chunks_reader, self._meta_writer, self.chunks_writer):
            engine.dispose()
        self._lock.release()

    def submit(self, change: Callable[[Connection], T]) -> Future[T]:
        """
        Queue a change of ``meta.db``; the future is done once it is committed and synced.

        Raises:
            RefusedError: too many changes are waiting already.
        """
        if self._changes.qsize() >= _MAX_WAITING:
            raise unavailable("the server has more to write than it can take right now")
        done: Future[T] = Future()
        self._changes.put(_Change(change, done))
        return done

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Apply a change of ``meta.db`` and return its result once it is committed and synced."""
        return await asyncio.wrap_future(self.submit(change))

    async def read(self, query: Callable[[Snapshot], T]) -> T:
        """Run a query in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, query)

    async def compute(self, work: Callable[[], T]) -> T:
        """Run short work off the loop, in threads that never wait for somebody's large query."""
        return await asyncio.get_running_loop().run_in_executor(self._quick, work)

    def read_now(self, query: Callable[[Snapshot], T]) -> T:
        """Run a query in the calling thread."""
        with self._meta_reader.begin() as meta, self._chunks_reader.begin() as chunks:
            return query(Snapshot(meta, chunks))

    def _work(self) -> None:
        running = True
        while running:
            group: list[_Change | None] = [self._changes.get()]
            while len(group) < _GROUP and not self._changes.empty():
                group.append(self._changes.get_nowait())
            running = None not in group
            # From here on a change cannot be cancelled any more: it is applied, and its result is heard.
            self._commit([c for c in group if c is not None and c.done.set_running_or_notify_cancel()])

    def _commit(self, group: list[_Change]) -> None:
        if not group:
            return
        results: list[tuple[_Change, Any, Exception | None]] = []
        try:
            with self._meta_writer.begin() as connection:
                for change in group:
                    results.append((change, *_apply(connection, change)))
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing is committed and all must hear of it
            refused = unavailable("the server could not write to its disk; nothing was applied", 5)
            refused.__cause__ = error
            for change in group:
                change.done.set_exception(refused)
            return
        for change, result, failure in results:
            if failure is None:
                change.done.set_result(result)
            else:
                change.done.set_exception(failure)


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row into a table with a numeric key and return its number."""
    key = connection.execute(insert(table).values(dict(values))).inserted_primary_key
    if key is None:
        raise AssertionError(f"{table.name} gave no key")
    number: int = key[0]
    return number


def _apply(connection: Connection, change: _Change) -> tuple[Any, Exception | None]:
    savepoint = connection.begin_nested()
    try:
        result = change.apply(connection)
        savepoint.commit()
    except Exception as error:
        raw: Any = connection.connection.dbapi_connection
        if not raw.in_transaction:
            raise  # a disk error ends SQLite's whole transaction: the group is gone
        savepoint.rollback()
        if isinstance(error, DBAPIError):
            refused = unavailable("the server's database refused the change; nothing was applied", 5)
            refused.__cause__ = error
            return None, refused
        return None, error
    return result, None


def _engine(path: Path, *, writes: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=1 if writes else _READERS + _QUICK + 1,
        max_overflow=0 if writes else 4,
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 30.0},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384"):
            connection.execute(f"PRAGMA {pragma}")
        if not writes:
            connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver's own BEGIN comes too late for savepoints and for reads, so it is switched off above.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
