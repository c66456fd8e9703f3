from __future__ import annotations

import asyncio
import gzip
import io
import json
import math
import time
from typing import Any

import pytest

from tests.server.sending import CONTENT_TYPE, Sender, history, pack_records
from trialog._frames import FrameType, pack_frame
from trialog._records import Kind, make_packer
from trialog.server.storage.runs import mark_lost


async def test_a_run_is_created_by_its_first_record_and_shows_what_was_logged(server: Any) -> None:
    sender = Sender(server)
    await sender.start(
        [Kind.CONFIG, 0, {"set": {"lr": 0.1, "layers": [1, 2], "odd": math.nan}}],
        name="calm-elm-1",
        tags=["a"],
        group="g",
        metadata={"host": "box"},
    )
    await sender.log([{"loss": 2.0, "deep": {"acc": 1}}, {"loss": 1.0}])

    run = await sender.show()

    assert (run["name"], run["state"], run["tags"], run["group"]) == ("calm-elm-1", "running", ["a"], "g")
    assert run["config"] == {"lr": 0.1, "layers": [1, 2], "odd": {"$float": "nan"}}
    assert run["summary"]["loss"] == 1.0
    assert run["summary"]["deep.acc"] == 1
    assert (run["summary"]["_step"], run["last_step"], run["host"]) == (1, 1, "box")
    assert run["keys"] == ["deep.acc", "loss"]


async def test_the_same_request_twice_is_acknowledged_twice_and_applied_once(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    records = history([{"x": i} for i in range(10)])
    assert await sender.send(records, first=2) == (200, {"instance": server.parts.instance, "ack": 11})
    assert await sender.send(records, first=2) == (200, {"instance": server.parts.instance, "ack": 11})

    rows = await sender.rows()

    assert [row["x"] for row in rows] == list(range(10))
    assert (await server.series("r1", "x"))["n"] == 10


async def test_of_an_overlapping_request_only_the_new_records_are_applied(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    await sender.send(history([{"x": i} for i in range(5)]))  # records 2 to 6
    # Were a known record applied again, its other value would show.
    status, answer = await sender.send(history([{"x": 100 + i} for i in range(7)], first_step=1), first=3)

    assert (status, answer["ack"]) == (200, 9)
    assert await sender.values("x") == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 104), (6, 105), (7, 106)]


async def test_a_gap_is_refused_with_the_record_that_is_due(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    status, answer = await sender.send(history([{"x": 1}]), first=7)
    assert (status, answer["error"]["code"], answer["expected"]) == (409, "gap", 2)
    assert (await server.get(sender.path))["cursor"] == 1


async def test_an_unknown_run_is_asked_for_from_its_first_record(server: Any) -> None:
    sender = Sender(server, run="never-seen")
    assert (await server.get(sender.path))["cursor"] == 0
    status, answer = await sender.send(history([{"x": 1}]), first=5)
    assert (status, answer["expected"]) == (409, 1)
    assert (await server.request("GET", sender.run_path))[0] == 404


async def test_records_before_the_one_that_attaches_are_refused(server: Any) -> None:
    status, answer = await Sender(server).send(history([{"x": 1}]))
    assert (status, answer["error"]["code"]) == (400, "bad_frames")


async def test_a_writer_whose_first_record_is_lost_is_kept_all_the_same(server: Any) -> None:
    sender = Sender(server)
    pack = make_packer()
    loss = {"kind": "record", "reason": "damaged", "count": 3, "first_seq": 1, "last_seq": 3}
    payload = pack([time.time_ns() // 1000, 0]) + pack([Kind.LOSS, 0, loss])
    status, answer = await sender.post(1, pack_frame(sender.salt, FrameType.LOSS, 1, 3, payload), 3)
    assert (status, answer["ack"]) == (200, 3)
    sender.next = 4
    await sender.log([{"x": 1.0}])
    assert (await sender.show())["losses"] == [{"kind": "record", "reason": "damaged", "count": 3}]


async def test_writers_of_a_deleted_run_are_told_to_stop_and_its_data_is_gone(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    await sender.log([{"x": 1}])
    assert (await server.request("DELETE", sender.run_path))[0] == 200

    assert (await sender.send(history([{"x": 2}])))[0] == 410
    assert (await server.request("GET", sender.path))[0] == 410
    assert (await Sender(server).send([Sender(server).run_record()]))[0] == 410
    assert (await server.request("GET", sender.run_path))[0] == 404
    assert (await server.get("/api/v1/projects/me/digits/keys"))["keys"] == []


async def test_a_damaged_frame_is_refused_and_nothing_of_its_request_is_applied(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    good = pack_records(history([{"x": 1}]), 2, sender.salt)
    bad = bytearray(pack_records(history([{"x": 2}], 1), 3, sender.salt))
    bad[-1] ^= 1
    status, answer = await sender.post(2, good + bytes(bad), 2)
    assert (status, answer["error"]["code"]) == (400, "bad_frames")
    assert (await server.get(sender.path))["cursor"] == 1
    assert await sender.rows() == []


@pytest.mark.parametrize(
    "records",
    [
        [["x", 0, {}]],
        [[99, 0, {}]],
        [[Kind.CONFIG, 0, {"set": 3}]],
        [[Kind.METRIC, 0, {"name": 3}]],
        [[Kind.FINISH, 0, {"state": "resting"}]],
        [[Kind.HISTORY, 0, 2**63, {"x": 1}]],
        [[Kind.HISTORY, -5, 0, {"x": 1}]],
        [[Kind.HISTORY, 0, 0, {"": 1}]],
        [[Kind.LOSS, 0, {"kind": "k", "reason": "r", "count": -1}]],
        [[Kind.CONFIG, 0, {"set": json.loads("[" * 200 + "]" * 200)}]],
        [[Kind.CONFIG, 0, {"set": {"deep": json.loads("[" * 200 + "]" * 200)}}]],
        [[Kind.HISTORY, 0, 0, {"deep": json.loads('{"a":' * 400 + "1" + "}" * 400)}]],
        [[Kind.RUN, 0, {"attach": "new", "started_at": 1.0}]],
        [[Kind.HISTORY, 0]],
    ],
)
async def test_records_without_meaning_are_refused_and_leave_no_trace(server: Any, records: list[Any]) -> None:
    sender = Sender(server)
    await sender.start()
    status, answer = await sender.send([*history([{"good": 1}]), *records])
    assert (status, answer["error"]["code"]) == (400, "bad_frames")
    assert (await server.get(sender.path))["cursor"] == 1
    assert (await sender.show())["keys"] == []


async def test_a_bad_request_among_good_ones_in_one_commit_hurts_only_itself(server: Any) -> None:
    senders = [Sender(server, run=f"r{i}") for i in range(12)]
    for sender in senders:
        await sender.start()

    async def send(i: int, sender: Sender) -> int:
        if i % 3 == 0:
            return (await sender.send([[Kind.RUN, 0, sender.run_record()[2]]]))[0]  # refused inside the transaction
        return (await sender.send(history([{"x": 1}])))[0]

    statuses = await asyncio.gather(*(send(i, sender) for i, sender in enumerate(senders)))
    assert statuses == [400 if i % 3 == 0 else 200 for i in range(12)]
    for i, sender in enumerate(senders):
        assert len(await sender.rows()) == (0 if i % 3 == 0 else 1)


async def test_gzip_bodies_are_accepted(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    body = gzip.compress(pack_records(history([{"x": 1}]), 2, sender.salt))
    assert (await sender.post(2, body, 1, **{"Content-Encoding": "gzip"}))[0] == 200
    assert await sender.values("x") == [(0, 1)]


@pytest.mark.parametrize("encoded", [False, True])
async def test_more_than_four_mebibytes_are_refused_before_they_are_held(server: Any, encoded: bool) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024)) if encoded else bytes(5 * 1024 * 1024)
    headers = {"Content-Encoding": "gzip"} if encoded else {}
    status, answer = await Sender(server).post(1, io.BytesIO(bomb), 1, **headers)
    assert (status, answer["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b + b, lambda b: b"no" + b])
async def test_a_damaged_gzip_stream_is_refused(server: Any, damage: Any) -> None:
    sender = Sender(server)
    body = damage(gzip.compress(pack_records([sender.run_record()], 1, sender.salt)))
    assert (await sender.post(1, body, 1, **{"Content-Encoding": "gzip"}))[0] == 400


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_other_encodings_are_refused(server: Any, encoding: str) -> None:
    assert (await Sender(server).post(1, b"x", 1, **{"Content-Encoding": encoding}))[0] == 415


@pytest.mark.parametrize(
    "query",
    [{"first": 0}, {"first": -1}, {"count": "x"}, {"salt": 2**32}, {"first": "9" * 40}, {"first": "١"}, {"count": 2}],
)
async def test_a_wrong_address_is_refused(server: Any, query: dict[str, Any]) -> None:
    sender = Sender(server)
    body = pack_records([sender.run_record()], 1, sender.salt)
    params = {"first": 1, "count": 1, "salt": sender.salt, **query}
    headers = {"Content-Type": CONTENT_TYPE}
    assert (await server.request("POST", sender.path, params=params, data=body, headers=headers))[0] == 400


async def test_a_writer_has_sixteen_hexadecimal_digits(server: Any) -> None:
    for writer in ("xyz", "A" * 16, "0" * 17):
        assert (await server.request("GET", f"/api/v1/runs/me/digits/r1/writers/{writer}"))[0] == 400


async def test_names_may_hold_spaces_and_unicode_but_nothing_that_addresses_need(server: Any) -> None:
    sender = Sender(server, run="r1", project="Ziffern%20%C3%BC")
    await sender.start()
    assert [p["project"] for p in (await server.get("/api/v1/projects"))["projects"]] == ["Ziffern ü"]
    for project in ("a%2Fb", "a%5Cb", "a%23b", "a%3Fb", "a%25b", "a%3Ab", "x" * 129, "a%00b", "%2E%2E"):
        assert (await server.request("GET", f"/api/v1/runs/me/{project}/r/writers/{'0' * 16}"))[0] in (400, 404)


async def test_a_run_started_anew_is_a_second_attempt_that_hides_the_first(server: Any) -> None:
    first = Sender(server)
    await first.start([Kind.CONFIG, 0, {"set": {"a": 1}}])
    await first.log([{"x": 1, "gone": 1}, {"x": 2}])
    second = Sender(server)
    await second.start()
    await second.log([{"x": 7}])

    run = await second.show()

    assert (run["attempt"], run["config"], run["keys"]) == (2, {}, ["x"])
    assert run["summary"]["x"] == 7
    assert await second.values("x") == [(0, 7)]
    assert (await server.series("r1", "x"))["last"] == [7]
    assert [row["x"] for row in await second.rows(attempt=1, keys="x")] == [1, 2]
    await first.log([{"x": 50}], first_step=9)  # the old process still runs
    assert await second.values("x") == [(0, 7)]
    assert (await second.show())["summary"]["x"] == 7


async def test_a_resumed_run_goes_on_with_everything(server: Any) -> None:
    first = Sender(server)
    await first.start([Kind.CONFIG, 0, {"set": {"a": 1}}])
    await first.log([{"x": 1.0}, {"x": 5.0}])
    await first.send([[Kind.FINISH, 10, {"state": "finished", "exit_code": 0}]])
    assert (await first.show())["state"] == "finished"
    second = Sender(server)
    await second.start(attach="resume", runtime_s=100.0, name=None)
    await second.send([[Kind.HISTORY, 2_000_000, 2, {"x": 3.0}]])

    run = await second.show()

    assert (run["attempt"], run["state"], run["config"], run["name"]) == (1, "running", {"a": 1}, "r1")
    assert run["finished_at"] is None
    assert await second.values("x") == [(0, 1.0), (1, 5.0), (2, 3.0)]
    assert (await second.rows())[-1]["_runtime"] == pytest.approx(102.0)


async def test_a_joined_process_that_ends_does_not_end_the_run(server: Any) -> None:
    main, worker = Sender(server), Sender(server)
    await worker.start(attach="join")  # its upload may well come first
    await main.start()
    await worker.log([{"w": 1}])
    await worker.send([[Kind.FINISH, 10, {"state": "finished", "exit_code": 0}]])
    run = await main.show()
    assert (run["state"], run["attempt"], run["keys"]) == ("running", 1, ["w"])
    await main.send([[Kind.FINISH, 10, {"state": "failed", "exit_code": 3}]])
    run = await main.show()
    assert (run["state"], run["exit_code"]) == ("failed", 3)


async def test_summary_follows_definitions_and_hand_set_values_in_order(server: Any) -> None:
    sender = Sender(server)
    await sender.start(
        [Kind.METRIC, 0, {"name": "acc", "summary": ["max", "mean"]}],
        [Kind.METRIC, 0, {"name": "quiet*", "summary": ["none"]}],
        *history([{"acc": v, "loss": v, "quiet/a": v, "text": "t", "list": [1]} for v in (0.25, 0.75, 0.5)]),
        [Kind.SUMMARY, 0, {"set": {"loss": -1.0, "quiet/a": "mine", "best": math.inf}}],
    )
    summary = (await sender.show())["summary"]
    assert summary["acc"] == {"max": 0.75, "mean": 0.5}
    assert summary["loss"] == -1.0
    assert summary["quiet/a"] == "mine"
    assert summary["best"] == {"$float": "inf"}
    assert (summary["text"], "list" in summary) == ("t", False)

    await sender.log([{"loss": 9.0, "quiet/a": 9.0}], first_step=3)
    await sender.send([[Kind.SUMMARY, 0, {"delete": ["best"]}], [Kind.METRIC, 0, {"name": "loss", "summary": ["min"]}]])
    summary = (await sender.show())["summary"]
    assert summary["loss"] == {"min": 0.25}
    assert summary["quiet/a"] == "mine"
    assert "best" not in summary


async def test_a_definition_that_comes_late_counts_for_all_values_so_far(server: Any) -> None:
    sender = Sender(server)
    await sender.start([Kind.METRIC, 0, {"name": "val/*", "summary": ["none"]}])
    await sender.log([{"val/acc": 0.5}, {"val/acc": 0.25}])
    assert "val/acc" not in (await sender.show())["summary"]
    await sender.send([[Kind.METRIC, 0, {"name": "val/*", "summary": ["max", "first"]}]])
    assert (await sender.show())["summary"]["val/acc"] == {"max": 0.5, "first": 0.5}


async def test_system_statistics_are_series_by_second_and_not_in_the_summary(server: Any) -> None:
    sender = Sender(server)
    await sender.start(runtime_s=10.0)
    await sender.send([[Kind.STATS, 2_400_000, {"system/cpu": 50.0}], [Kind.STATS, 4_100_000, {"system/cpu": 60.0}]])
    run = await sender.show()
    assert (run["summary"], run["keys"], run["last_step"]) == ({}, ["system/cpu"], None)
    assert (await server.series("r1", "system/cpu"))["x"] == [12.0, 14.0]
    assert await sender.rows() == []
    assert [row["system/cpu"] for row in await sender.rows(stream="system")] == [50.0, 60.0]


async def test_a_silent_run_is_lost_until_it_is_heard_of_again(server: Any) -> None:
    sender, database = Sender(server), server.parts.database
    await sender.start()
    for speak in (lambda: sender.post(2, b"", 0), lambda: sender.log([{"x": 1}])):
        await database.write(lambda connection: mark_lost(connection, time.time() - 60))
        assert (await sender.show())["state"] == "running"
        version = (await sender.show())["version"]
        await database.write(lambda connection: mark_lost(connection, time.time() + 1))
        lost = await sender.show()
        assert (lost["state"], lost["version"] > version) == ("lost", True)
        await speak()
        assert (await sender.show())["state"] == "running"


async def test_a_heartbeat_is_answered_with_the_cursor(server: Any) -> None:
    sender = Sender(server)
    assert (await sender.post(1, b"", 0))[1]["ack"] == 0
    await sender.start()
    assert (await sender.post(2, b"", 0))[1]["ack"] == 1
    assert (await sender.post(9, b"", 0))[0] == 409


async def test_an_entity_of_somebody_else_is_refused(server: Any) -> None:
    path = f"/api/v1/runs/somebody/digits/r1/writers/{'0' * 16}"
    assert (await server.request("GET", path))[0] == 403
