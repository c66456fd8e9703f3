"""Projects, runs and metrics as they are read and edited."""

from __future__ import annotations

from typing import Any

from tests.server.sending import Sender
from trialog._records import Kind


async def make_runs(server: Any, n: int) -> None:
    for i in range(n):
        await Sender(server, run=f"r{i:03}").start(started_at=1000.0 + i // 2)


async def test_runs_are_listed_page_by_page_the_newest_first(server: Any) -> None:
    await make_runs(server, 25)
    found, cursor = [], None
    while True:
        page = await server.get(
            "/api/v1/projects/me/digits/runs", params={"limit": 4, **({"cursor": cursor} if cursor else {})}
        )
        assert len(page["runs"]) <= 4
        found += [run["id"] for run in page["runs"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [f"r{i:03}" for i in reversed(range(25))]


async def test_ten_runs_in_a_row_have_ten_colours_and_keep_them(server: Any) -> None:
    await make_runs(server, 30)
    runs = (await server.get("/api/v1/projects/me/digits/runs"))["runs"]
    colors = [run["color"] for run in runs]
    assert all(len(set(colors[i : i + 10])) == 10 for i in range(21))
    assert all(0 <= color < 10 for color in colors)


async def test_a_made_up_cursor_is_refused(server: Any) -> None:
    await make_runs(server, 1)
    for cursor in ["x", "bnVsbA==", "W10=", "WzEsIDJd" * 5, "ü"]:
        status, answer = await server.request("GET", "/api/v1/projects/me/digits/runs", params={"cursor": cursor})
        assert (status, answer["error"]["code"]) == (400, "bad_cursor")


async def test_projects_count_their_runs(server: Any) -> None:
    await make_runs(server, 3)
    await Sender(server, run="other", project="zoo").start()
    sender = Sender(server, run="r000")
    await sender.start(attach="resume")
    await sender.send([[Kind.FINISH, 0, {"state": "finished", "exit_code": 0}]])
    projects = (await server.get("/api/v1/projects"))["projects"]
    assert [(p["project"], p["runs"], p["running"]) for p in projects] == [("digits", 3, 2), ("zoo", 1, 1)]


async def test_keys_tell_numbers_from_the_rest_and_count_runs(server: Any) -> None:
    for run, row in (("a", {"x": 1, "t": "text"}), ("b", {"x": "now a text", "late": None}), ("c", {"late": 2.5})):
        sender = Sender(server, run=run)
        await sender.start()
        await sender.log([row])
    assert (await server.get("/api/v1/projects/me/digits/keys"))["keys"] == [
        {"key": "late", "kind": "number", "runs": 2},
        {"key": "t", "kind": "other", "runs": 1},
        {"key": "x", "kind": "number", "runs": 2},
    ]


async def test_an_empty_project_name_means_uncategorized(server: Any) -> None:
    sender = Sender(server, project="uncategorized")
    await sender.start()
    assert (await sender.show())["project"] == "uncategorized"


async def test_name_notes_and_tags_can_be_edited(server: Any) -> None:
    sender = Sender(server)
    await sender.start(tags=["old"])
    version = (await sender.show())["version"]
    change = {"name": "better", "notes": "why", "tags": ["a", "b"]}
    status, run = await server.request("PATCH", sender.run_path, json=change)
    assert status == 200
    assert {name: run[name] for name in change} == change
    assert run["version"] > version
    assert (await server.request("PATCH", sender.run_path, json={"notes": None}))[1]["notes"] is None


EDITS: list[dict[str, Any]] = [
    {}, {"state": "finished"}, {"name": ""}, {"name": 3}, {"name": None}, {"tags": "a"}, {"tags": [1]},
    {"tags": [""]}, {"tags": ["x" * 65]}, {"tags": ["x"] * 101}, {"notes": []}, {"name": "x" * 257},
]  # fmt: skip


async def test_a_senseless_edit_is_refused(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    for change in EDITS:
        assert (await server.request("PATCH", sender.run_path, json=change))[0] == 400, change


QUERIES: list[dict[str, Any]] = [
    {"runs": "r1"}, {"keys": [1]}, {"x": "loss"}, {"buckets": 0}, {"buckets": 4001}, {"buckets": 2.5},
    {"buckets": True}, {"range": [1]}, {"range": ["a", 2]}, {"range": {}}, {"smooth": 0.5},
    {"smooth": {"kind": "ema"}}, {"smooth": {"kind": "ema", "weight": 1}},
    {"smooth": {"kind": "mean", "weight": 0.5}},
    {"runs": [str(i) for i in range(101)], "keys": [str(i) for i in range(100)]},
]  # fmt: skip


async def test_a_senseless_series_query_is_refused(server: Any) -> None:
    await Sender(server).start()
    for change in QUERIES:
        body = {"runs": ["r1"], "keys": ["x"], **change}
        assert (await server.request("POST", "/api/v1/projects/me/digits/series", json=body))[0] == 400, change


async def test_series_of_unknown_runs_and_keys_are_left_out(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    await sender.log([{"x": 1.0, "t": "text"}])
    body = {"runs": ["r1", "nobody"], "keys": ["x", "nothing", "t"]}
    _, answer = await server.request("POST", "/api/v1/projects/me/digits/series", json=body)
    assert [(s["run"], s["key"]) for s in answer["series"]] == [("r1", "x")]
    assert answer["version"] == (await sender.show())["version"]


async def test_rows_carry_time_and_running_time(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    await sender.send([[Kind.HISTORY, 1_500_000, 3, {"x": 1}]])
    [row] = await sender.rows()
    assert row["_runtime"] == 1.5
    assert row["_timestamp"] == (await sender.show())["summary"]["_timestamp"]


async def test_a_senseless_history_query_is_refused(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    wrong = {"limit": "0", "after": "x", "min_step": "1.5", "max_step": "9" * 30, "attempt": "9" * 19}
    for name, value in [*wrong.items(), ("limit", "x"), ("limit", "-1")]:
        status, _ = await server.request("GET", f"{sender.run_path}/history", params={name: value})
        assert status == 400, (name, value)


async def test_the_page_is_the_same_for_every_address_of_it(server: Any) -> None:
    for path in ("/", "/login", "/ada/digits", "/ada/digits/runs/r1"):
        status, page = await server.request("GET", path, key=None)
        assert status == 200
        assert f'src="/static/{server.parts.assets.version}/main.js"' in page
    assert (await server.request("GET", "/api/v1"))[0] == 404
    assert (await server.request("GET", "/static/index.html"))[0] == 404
