"""The writer thread: what one change can do to the others, and what a failing disk does to all."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from tests.server.sending import Sender, history
from trialog.server.errors import RefusedError
from trialog.server.storage import schema
from trialog.server.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path)
    opened.open()
    yield opened
    opened.close()


def remember(name: str) -> Any:
    return lambda connection: connection.execute(insert(schema.server_fact).values(name=name, value="x"))


def remembered(database: Database) -> set[str]:
    return set(database.read_now(lambda snapshot: list(snapshot.meta.scalars(select(schema.server_fact.c.name)))))


def test_a_change_that_fails_takes_back_only_itself(database: Database) -> None:
    def half_done(connection: Connection) -> None:
        remember("half")(connection)
        raise KeyError("mine")

    hold = threading.Event()
    first = database.submit(lambda _: hold.wait())  # what is submitted now is committed together
    futures = [database.submit(change) for change in (remember("a"), half_done, remember("a"), remember("b"))]
    hold.set()
    first.result()
    futures[0].result()
    with pytest.raises(KeyError):
        futures[1].result()
    with pytest.raises(RefusedError):  # "a" is there already: the database says no
        futures[2].result()
    futures[3].result()
    assert remembered(database) == {"a", "b"}


async def test_a_change_whose_asker_has_left_does_not_stop_the_writer(database: Database) -> None:
    hold = threading.Event()
    database.submit(lambda _: hold.wait())
    waiting = asyncio.create_task(database.write(remember("left")))
    await asyncio.sleep(0)
    waiting.cancel()
    hold.set()
    await database.write(remember("stayed"))
    assert remembered(database) == {"stayed"}


def test_too_many_waiting_changes_are_refused_at_the_door(database: Database) -> None:
    hold = threading.Event()
    database.submit(lambda _: hold.wait())
    accepted = []
    with pytest.raises(RefusedError) as refused:
        for i in range(10_000):
            accepted.append(database.submit(remember(str(i))))
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "2")
    hold.set()
    assert accepted[-1].result() is not None
    assert len(remembered(database)) == len(accepted)


def test_what_was_accepted_is_committed_before_the_database_closes(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.open()
    futures = [database.submit(remember(str(i))) for i in range(200)]
    database.close()
    assert all(future.done() for future in futures)
    database = Database(tmp_path)
    database.open()
    assert len(remembered(database)) == 200
    database.close()


async def test_a_full_disk_is_answered_with_503_and_the_rows_are_taken_later(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    database = server.parts.database

    def limit_pages(spare: int) -> Any:
        def limit(connection: Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + spare}")

        return limit

    await database.write(limit_pages(0))
    records = history([{f"key{j}": random.random() for j in range(50)} for _ in range(500)])
    statuses = [(await sender.send(records, first=2)) for _ in range(3)]
    assert {status for status, _ in statuses} == {503}
    assert statuses[0][1]["error"]["code"] == "unavailable"
    assert (await server.get(sender.path))["cursor"] == 1
    assert await sender.rows() == []

    await database.write(limit_pages(2**20))
    assert (await sender.send(records, first=2))[0] == 200
    assert len(await sender.rows()) == 500
