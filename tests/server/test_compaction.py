from __future__ import annotations

import asyncio
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.server.sending import Sender, history
from tests.server.test_columns import ODD
from trialog._records import Kind
from trialog.server.storage import schema
from trialog.server.storage.compaction import compact_run
from trialog.server.wire import plain

EXPECTED = [plain(value) for value in ODD]


async def compact(server: Any) -> None:
    def run_ids(snapshot: Any) -> list[int]:
        return list(snapshot.meta.scalars(select(schema.run.c.id)))

    for run_id in await server.parts.database.read(run_ids):
        while await asyncio.to_thread(compact_run, server.parts.database, run_id):
            pass


async def counts(server: Any) -> tuple[int, int]:
    """Return the numbers of tails and chunks."""
    return await server.parts.database.read(
        lambda snapshot: (
            snapshot.meta.scalar(select(func.count()).select_from(schema.tail)),
            snapshot.chunks.scalar(select(func.count()).select_from(schema.chunk)),
        )
    )


async def log_odd_things(sender: Sender) -> None:
    """Every kind of value, twice, with steps that go back and one that is written again."""
    await sender.start()
    for part in range(2):
        rows = [
            {"odd": value, "i": i, "sometimes": float(i)} if i % 3 else {"odd": value} for i, value in enumerate(ODD)
        ]
        await sender.log(rows, first_step=part * 100)
    await sender.send([[Kind.HISTORY, 9, 50, {"back": 1}], [Kind.HISTORY, 9, 20, {"back": 2}]])
    await sender.send([[Kind.HISTORY, 10, 100, {"odd": "written again"}]])
    await sender.send([[Kind.STATS, 3_000_000, {"system/cpu": 1.5}]])


async def everything(sender: Sender) -> list[Any]:
    return [await sender.rows(), await sender.rows(stream="system"), await sender.rows(limit=7)]


async def test_compaction_changes_nothing_that_can_be_read(server: Any) -> None:
    sender = Sender(server)
    await log_odd_things(sender)
    before = await everything(sender)
    await compact(server)
    assert await counts(server) == (0, 5)
    assert await everything(sender) == before
    assert before[0] == before[2]
    values = [row["odd"] for row in before[0] if "odd" in row]
    assert values == [*EXPECTED, "written again", *EXPECTED[1:]]
    assert list(map(type, values)) == list(map(type, [*EXPECTED, "", *EXPECTED[1:]]))
    assert [(row["_step"], row["back"]) for row in before[0] if "back" in row] == [(20, 2), (50, 1)]


async def test_points_after_a_compaction_join_those_before(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    for part in range(4):
        await sender.log([{"x": float(part * 10 + i)} for i in range(10)], first_step=part * 9)
        await compact(server)
    # Each part begins at the last step of the one before, so that value is written twice.
    expected = {part * 9 + i: float(part * 10 + i) for part in range(4) for i in range(10)}
    assert await sender.values("x") == list(expected.items())
    assert (await server.series("r1", "x"))["n"] == len(expected)


async def test_both_attempts_of_a_run_are_compacted_apart(server: Any) -> None:
    for value in (1, 2):
        sender = Sender(server)
        await sender.start()
        await sender.log([{"x": value}])
    await compact(server)
    assert await sender.values("x") == [(0, 2)]
    assert [row["x"] for row in await sender.rows(attempt=1, keys="x")] == [1]


async def test_full_tails_and_finished_runs_are_compacted_without_being_asked(server: Any) -> None:
    long, short, open_ = (Sender(server, run=name) for name in ("long", "short", "open"))
    for sender in (long, short, open_):
        await sender.start()
    await long.log([{"x": i} for i in range(5000)])
    await short.log([{"x": 1}])
    await short.send([[Kind.FINISH, 5, {"state": "finished", "exit_code": 0}]])
    await open_.log([{"x": 1}])
    server.parts.maintenance.wake()
    for _ in range(100):
        if await counts(server) == (1, 3):
            break
        await asyncio.sleep(0.05)
    assert await counts(server) == (1, 3)  # 5000 points make two chunks; the open run keeps its tail
    assert await long.values("x") == [(i, i) for i in range(5000)]


async def test_the_data_of_a_deleted_run_is_removed(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    await sender.log([{"x": 1}])
    await compact(server)
    await sender.log([{"x": 2}], 1)
    await server.request("DELETE", sender.run_path)
    for _ in range(100):
        if await counts(server) == (0, 0):
            break
        await asyncio.sleep(0.05)
    assert await counts(server) == (0, 0)


KILLED_BETWEEN = """
import os, signal, sys
from pathlib import Path
from trialog.server.storage.compaction import compact_run
from trialog.server.storage.database import Database
database = Database(Path(sys.argv[1]))
database.open()
compact_run(database, 1, between=lambda: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.crash
async def test_a_compaction_killed_between_its_two_commits_loses_and_doubles_nothing(
    tmp_path: Path, open_server: Any
) -> None:
    source = random.Random(3)
    rows = [{"x": source.gauss(0, 1), "n": i} for i in range(300)]
    async with open_server(tmp_path / "data") as server:
        sender = Sender(server)
        await sender.start()
        for start in range(0, 300, 100):
            await sender.log(rows[start : start + 100], first_step=start)
        before = await everything(sender)

    for _ in range(3):
        killed = subprocess.run([sys.executable, "-c", KILLED_BETWEEN, str(tmp_path / "data")], capture_output=True)
        assert killed.returncode == -9, killed.stderr.decode()

    async with open_server(tmp_path / "data") as server:
        sender = Sender(server, writer=sender.writer)
        assert await counts(server) == (3, 2)  # the chunks are there, and so are the tails they were made of
        assert await everything(sender) == before
        assert (await server.series("r1", "x"))["n"] == 300
        sender.next = (await server.get(sender.path))["cursor"] + 1
        await sender.log([{"x": 7.0}], first_step=300)
        await compact(server)
        assert await counts(server) == (0, 2)
        assert len(await sender.values("x")) == 301
        assert (await server.series("r1", "x"))["n"] == 301


async def test_a_long_history_is_paged_without_gap_or_repetition(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    for start in range(0, 20_000, 5000):
        await sender.log(
            [{"x": i, "rare": i} if i % 1000 == 0 else {"x": i} for i in range(start, start + 5000)], start
        )
        await compact(server)
    await sender.log([{"x": -1}], first_step=12_345)  # late, and again at a step that has a value
    rows = await sender.rows(limit=777, keys=["x", "rare"])
    assert [row["_step"] for row in rows] == list(range(20_000))
    assert [row["x"] for row in rows] == [-1 if i == 12_345 else i for i in range(20_000)]
    assert [row["_step"] for row in rows if "rare" in row] == list(range(0, 20_000, 1000))
    some = await sender.rows(min_step=4990, max_step=5010, keys="x")
    assert [row["_step"] for row in some] == list(range(4990, 5011))


async def test_infinities_and_nan_survive_compaction_in_series(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    await sender.send(history([{"x": v} for v in (1.0, math.nan, math.inf, -math.inf, 2)]))
    before = await server.series("r1", "x")
    await compact(server)
    assert await server.series("r1", "x") == before
    assert before["nonfinite"] == [[1.0, "nan"], [2.0, "inf"], [3.0, "-inf"]]
    assert before["last"] == [1.0, None, None, None, 2.0]
