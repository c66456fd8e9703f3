"""The upload, from init() to a server over real sockets, with everything that goes wrong on the way."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import trialog
from trialog._records import Kind


def log_rows(run: trialog.Run, count: int, begin: int = 0) -> None:
    for step in range(begin, begin + count):
        run.log({"i": step}, step=step)


def expect_rows(server: Any, count: int) -> None:
    assert server.rows() == {step: {"i": step} for step in range(count)}
    assert sorted(server.only.records) == list(range(1, server.only.cursor + 1))
    assert server.only.lost == []


def test_everything_arrives_once_and_in_order(online: Callable[..., trialog.Run], server: Any, capsys: Any) -> None:
    server.start()
    run = online(name="n", config={"lr": 0.5}, tags=["x"], id="r1")
    run.define_metric("i", summary="max")
    log_rows(run, 100)
    run.summary["best"] = 1
    run.finish()
    expect_rows(server, 100)
    kinds = server.kinds()
    assert kinds[0] == Kind.RUN
    assert kinds[-1] == Kind.FINISH
    assert {Kind.CONFIG, Kind.METRIC, Kind.SUMMARY} <= set(kinds)
    (entity, project, run_id, writer), held = next(iter(server.writers.items()))
    assert (entity, project, run_id) == ("me", "p", "r1")
    assert re.fullmatch("[0-9a-f]{16}", writer)
    body = held.records[1].body
    assert body["attach"] == "new"
    assert (body["name"], body["tags"], body["id"]) == ("n", ["x"], "r1")
    assert body["base_url"] == server.base_url
    assert "100 rows, all on the server" in capsys.readouterr().err


def test_rows_arrive_while_the_run_goes_on(online: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    run = online()
    run.log({"i": 0})
    server.wait(lambda: server.writers and 0 in server.rows(), "the first row")
    run.log({"i": 1})
    server.wait(lambda: 1 in server.rows(), "the second row")
    assert Kind.FINISH not in server.kinds()


def test_names_with_blanks_and_letters_of_any_script_reach_the_right_run(
    online: Callable[..., trialog.Run], server: Any
) -> None:
    server.start()
    online(project="größe & maß+1", id="a b.é", entity="équipe").finish()
    assert next(iter(server.writers))[:3] == ("équipe", "größe & maß+1", "a b.é")


def test_the_stored_key_of_a_server_is_used(online: Callable[..., trialog.Run], server: Any) -> None:
    from trialog._credentials import Credential, store_credential

    server.start()
    store_credential(server.base_url, Credential("tl_" + "k" * 43, "ada", "one"))
    run = online({"api_key": None})
    assert run.entity == "ada"
    assert run.url == f"{server.base_url}/ada/p/runs/{run.id}"
    run.finish()
    assert next(iter(server.writers))[0] == "ada"


def test_a_server_that_starts_later_gets_everything(
    online: Callable[..., trialog.Run], server: Any, wait_until: Any, capsys: Any, quick_retries: None
) -> None:
    run = online()
    log_rows(run, 50)
    debug = Path(run.dir).parent / "debug.log"
    wait_until(lambda: debug.exists() and "upload waits" in debug.read_text(), "a first try")
    server.start()
    server.wait(lambda: server.writers and len(server.rows()) == 50, "the rows logged before")
    log_rows(run, 50, begin=50)
    run.finish()
    expect_rows(server, 100)
    said = capsys.readouterr().err
    assert said.count("server unreachable") == 1
    assert said.count("reachable again") == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 522])
def test_a_server_in_trouble_is_asked_again(
    status: int, online: Callable[..., trialog.Run], server: Any, refuse: Any, quick_retries: None
) -> None:
    server.fault = lambda request: refuse(status, "trouble") if request.number <= 6 else None
    server.start()
    run = online()
    log_rows(run, 20)
    server.wait(lambda: server.writers and len(server.rows()) == 20, "the rows")
    run.finish()
    expect_rows(server, 20)


def test_a_server_that_answers_but_takes_nothing_is_left_in_peace(
    online: Callable[..., trialog.Run], server: Any, refuse: Any, capsys: Any, impatient: None
) -> None:
    """Backoff grows, and one line is said, although the question for the cursor is answered each time."""
    server.fault = lambda request: refuse(500, "disk_full") if request.method == "POST" else None
    server.start()
    run = online({"finish_timeout": 20})
    log_rows(run, 20)
    server.wait(lambda: sum(method == "POST" for method, _, _ in server.requests) >= 4, "four refusals")
    begun = time.monotonic()
    run.finish()
    assert time.monotonic() - begun < 10
    said = capsys.readouterr().err
    assert said.count("server unreachable") == 1
    assert "reachable again" not in said
    assert "because of disk_full" in said


def test_retry_after_zero_is_no_licence_to_hammer(online: Callable[..., trialog.Run], server: Any, refuse: Any) -> None:
    server.fault = lambda request: refuse(503, "busy", **{"Retry-After": "0"})
    server.start()
    run = online({"silent": True, "finish_timeout": 0.0})
    server.wait(lambda: server.requests, "a request")
    time.sleep(1.0)
    asked = len(server.requests)
    server.fault = None
    run.finish()
    assert asked <= 25


def test_lost_acknowledgements_double_nothing(
    online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    def lose_every_second_ack(request: Any) -> Any:
        if request.method == "POST" and request.number % 2:
            request.accept()
            return "drop"
        return None

    server.fault = lose_every_second_ack
    server.start()
    run = online()
    for begin in range(0, 200, 20):
        log_rows(run, 20, begin)
        len(run.summary)
        time.sleep(0.02)
    run.finish()
    expect_rows(server, 200)


def test_connections_cut_before_the_commit_lose_nothing(
    online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    server.fault = lambda request: "drop" if request.number % 5 not in (0, 1) else None
    server.start()
    run = online()
    log_rows(run, 50)
    server.wait(lambda: server.writers and len(server.rows()) == 50, "the rows")
    server.fault = None
    run.finish()
    expect_rows(server, 50)


def test_a_server_restored_from_a_backup_gets_again_what_it_lost(
    online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    server.start()
    run = online()
    for begin in (0, 30, 60):
        log_rows(run, 30, begin)
        server.wait(lambda begin=begin: server.writers and begin + 29 in server.rows(), "the rows so far")
    held = server.only
    held.cursor = 5
    held.records = {seq: record for seq, record in held.records.items() if seq <= 5}
    server.instance = "two"
    log_rows(run, 10, begin=90)
    server.wait(lambda: len(server.rows()) == 100, "all rows again")
    run.finish()
    expect_rows(server, 100)


def test_a_server_that_forgot_the_run_gets_it_whole(
    online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    server.start()
    run = online()
    log_rows(run, 30)
    server.wait(lambda: server.writers and len(server.rows()) == 30, "the rows")
    server.writers.clear()
    log_rows(run, 1, begin=30)
    run.finish()
    expect_rows(server, 31)


def test_a_batch_may_begin_inside_what_the_server_has(
    online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    """The server's cursor may lie inside what was sent: it is sent again whole, and nothing is doubled."""

    def commit_half(request: Any) -> Any:
        if request.method != "POST" or request.count < 10 or server.writers:
            return None
        request.accept()
        held = server.only
        held.cursor = 7
        held.records = {seq: record for seq, record in held.records.items() if seq <= 7}
        return "drop"

    server.fault = commit_half
    run = online()
    log_rows(run, 40)
    assert run.summary["i"] == 39
    server.start()
    server.wait(lambda: server.writers and len(server.rows()) == 40, "the rows")
    run.finish()
    expect_rows(server, 40)
    overlaps = [first for method, first, count in server.requests if first <= 7 < first + count]
    assert len(overlaps) >= 2


NONSENSE: list[Any] = [
    {"ack": 10**9, "instance": "one"},
    {"ack": -1, "instance": "one"},
    {"ack": "40", "instance": "one"},
    {"ack": 3.0, "instance": "one"},
    {"ack": True, "instance": "one"},
    {"ack": None, "instance": "one"},
    {"ack": 0, "instance": "one"},
    {"ack": 1},
    [],
    "text",
]


@pytest.mark.parametrize("body", NONSENSE, ids=repr)
def test_an_acknowledgement_that_makes_no_sense_moves_nothing(
    body: Any, online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    told = 0

    def lie(request: Any) -> Any:
        nonlocal told
        if request.method == "POST" and told < 3:
            told += 1
            return web.json_response(body)
        return None

    server.fault = lie
    server.start()
    run = online({"silent": True})
    log_rows(run, 30)
    run.finish()
    assert told == 3
    expect_rows(server, 30)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("<html>welcome</html>", "text/html"), ('{"ack": 4', "application/json"), ("", "text/plain")],
)
def test_an_answer_of_something_else_moves_nothing(
    text: str, kind: str, online: Callable[..., trialog.Run], server: Any, quick_retries: None
) -> None:
    server.fault = lambda r: web.Response(text=text, content_type=kind) if r.number <= 4 else None
    server.start()
    run = online({"silent": True})
    log_rows(run, 30)
    server.wait(lambda: server.writers and len(server.rows()) == 30, "the rows")
    run.finish()
    expect_rows(server, 30)


def test_a_redirect_is_not_followed_with_the_key(
    online: Callable[..., trialog.Run], server: Any, quick_retries: None, impatient: None
) -> None:
    seen = []

    def redirect(request: Any) -> Any:
        seen.append(request.method)
        return web.Response(status=307, headers={"Location": server.base_url + "/elsewhere"})

    server.fault = redirect
    server.start()
    run = online({"silent": True})
    log_rows(run, 3)
    run.finish()
    assert not server.writers
    assert set(seen) == {"GET"}


def test_a_refused_key_pauses_and_does_not_hold_up_finish(
    online: Callable[..., trialog.Run], server: Any, capsys: Any, impatient: None
) -> None:
    server.start()
    run = online({"api_key": "tl_wrong"})
    log_rows(run, 5)
    begun = time.monotonic()
    run.finish()
    assert time.monotonic() - begun < 10
    said = capsys.readouterr().err
    assert "401" in said
    assert "because of unauthorized" in said
    assert f"trialog sync {Path(run.dir).parent.relative_to(Path.cwd())}" in said
    assert not server.writers


def test_a_key_revoked_at_the_very_end_does_not_hold_up_finish(
    online: Callable[..., trialog.Run], server: Any, refuse: Any, impatient: None
) -> None:
    server.start()
    run = online({"silent": True})

    def revoke_after_the_first_post(request: Any) -> Any:
        posted = any(method == "POST" for method, _, _ in server.requests[: request.number - 1])
        return refuse(401, "unauthorized") if posted else None

    server.fault = revoke_after_the_first_post
    log_rows(run, 5)
    server.wait(lambda: server.writers, "the first batch")
    time.sleep(0.1)
    log_rows(run, 5, begin=5)
    begun = time.monotonic()
    run.finish()
    assert time.monotonic() - begun < 10


def test_a_key_that_is_good_again_goes_on(
    online: Callable[..., trialog.Run], server: Any, refuse: Any, quick_retries: None, capsys: Any
) -> None:
    server.fault = lambda request: refuse(403, "forbidden") if request.number <= 3 else None
    server.start()
    run = online()
    log_rows(run, 10)
    server.wait(lambda: server.writers and len(server.rows()) == 10, "the rows")
    run.finish()
    expect_rows(server, 10)
    assert capsys.readouterr().err.count("upload paused") == 1


def test_a_deleted_run_is_left_alone_and_kept_on_disk(
    online: Callable[..., trialog.Run],
    server: Any,
    refuse: Any,
    rows: Callable[..., Any],
    capsys: Any,
) -> None:
    server.start()
    run = online()
    log_rows(run, 5)
    server.wait(lambda: server.writers and len(server.rows()) == 5, "the rows")
    server.fault = lambda request: refuse(410, "run_deleted")
    log_rows(run, 5, begin=5)
    server.wait(lambda: server.requests[-1][0] == "POST" and server.requests[-1][1] > 6, "the refused batch")
    asked = len(server.requests)
    log_rows(run, 5, begin=10)
    run.finish()
    assert len(server.requests) == asked
    assert set(rows(run)) == set(range(15))
    said = capsys.readouterr().err
    assert said.count("upload stopped") == 1
    assert "trialog sync" in said


def test_finish_with_a_dead_server_is_quick_and_says_what_to_do(
    online: Callable[..., trialog.Run], server: Any, capsys: Any
) -> None:
    run = online()
    log_rows(run, 5)
    begun = time.monotonic()
    run.finish()
    assert time.monotonic() - begun < 12
    said = capsys.readouterr().err
    folder = Path(run.dir).parent.relative_to(Path.cwd())
    assert f"\ntrialog:   trialog sync {folder}\n" in said
    assert "7 of 7 records are not on the server yet" in said
    assert "5 rows, safe in" in said


def test_finish_sends_at_once_what_waits_for_a_long_retry_after(
    online: Callable[..., trialog.Run], server: Any, refuse: Any
) -> None:
    server.fault = lambda r: refuse(503, "busy", **{"Retry-After": "300"}) if r.number == 1 else None
    server.start()
    run = online({"silent": True})
    log_rows(run, 5)
    server.wait(lambda: server.requests, "the first question")
    begun = time.monotonic()
    run.finish()
    assert time.monotonic() - begun < 10
    expect_rows(server, 5)


def test_several_runs_of_one_process_upload_beside_each_other(online: Callable[..., trialog.Run], server: Any) -> None:
    server.start()
    runs = [online(id=f"r{n}", reinit="create_new") for n in range(4)]
    for step in range(50):
        for n, run in enumerate(runs):
            run.log({"n": n}, step=step)
    for run in runs:
        run.finish()
    by_run = {key[2]: writer for key, writer in server.writers.items()}
    assert set(by_run) == {"r0", "r1", "r2", "r3"}
    for n in range(4):
        found = [r for r in by_run[f"r{n}"].records.values() if r.kind == Kind.HISTORY]
        assert [record.step for record in found] == list(range(50))
        assert {record.body["n"] for record in found} == {n}


def test_large_rows_go_in_requests_the_server_takes(online: Callable[..., trialog.Run], server: Any) -> None:
    """The double checks that no body is over the limit of 4 MiB."""
    server.start()
    run = online()
    text = "x" * 300_000
    for step in range(40):
        run.log({"text": f"{step}{text}"}, step=step)
    run.finish()
    assert len(server.rows()) == 40


def test_a_value_too_large_for_any_request_costs_only_itself(
    online: Callable[..., trialog.Run], server: Any, rows: Callable[..., Any], impatient: None
) -> None:
    server.start()
    run = online({"silent": True, "finish_timeout": 5})
    run.log({"a": 0})
    run.log({"a": 1, "huge": "x" * 20_000_000})
    run.log({"a": 2})
    run.finish()
    assert [row["a"] for row in rows(run).values()] == [0, 1, 2]
    assert [row["a"] for row in server.rows().values()] == [0, 1, 2]
    assert Kind.FINISH in server.kinds()
