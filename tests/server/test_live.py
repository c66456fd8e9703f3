from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.server.sending import Sender, history
from trialog._records import Kind
from trialog.server.handlers import live


class Page:
    """An open page: reads ticks off its stream."""

    def __init__(self, response: Any) -> None:
        self._content = response.content

    async def event(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while True:
            line = (await asyncio.wait_for(self._content.readline(), 5)).decode()
            if line in ("\n", "") and found:
                return found
            assert line, "the stream ended"
            name, _, value = line.rstrip("\n").partition(": ")
            found[name] = value

    async def tick(self) -> dict[str, Any]:
        event = await self.event()
        assert event["event"] == "tick"
        tick = json.loads(event["data"])
        assert int(event["id"]) == tick["version"]
        return tick


@asynccontextmanager
async def page(server: Any, **options: Any) -> AsyncIterator[Page]:
    headers = {"Authorization": f"Bearer {server.api_key}", **options.pop("headers", {})}
    url = f"{server.base_url}/api/v1/projects/me/digits/events"
    async with server.http.get(url, headers=headers, **options) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Page(response)


async def test_new_points_and_states_arrive_at_an_open_page(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    async with page(server) as open_page:
        first = await open_page.tick()
        assert (first["runs"], first["points"], first["deleted"]) == ([], {}, [])

        await sender.log([{"x": 1.5, "text": "t", "on": True}, {"x": math.nan}, {"x": math.inf}])
        tick = await open_page.tick()
        assert [run["id"] for run in tick["runs"]] == ["r1"]
        assert tick["runs"][0]["summary"]["on"] is True
        points = tick["points"]["r1"]
        assert [(step, value) for step, _, value in points["x"]] == [(0, 1.5), (1, "nan"), (2, "inf")]
        assert points["on"][0][2] == 1
        assert "text" not in points
        assert points["x"][0][1] == pytest.approx((await sender.rows())[0]["_timestamp"], abs=1e-6)

        await sender.send([[Kind.FINISH, 0, {"state": "failed", "exit_code": 1}]])
        tick = await open_page.tick()
        assert (tick["runs"][0]["state"], tick["points"]) == ("failed", {})

        await server.request("PATCH", sender.run_path, json={"name": "new"})
        assert (await open_page.tick())["runs"][0]["name"] == "new"

        await server.request("DELETE", sender.run_path)
        tick = await open_page.tick()
        assert (tick["runs"], tick["deleted"]) == ([], ["r1"])


async def test_every_point_is_sent_exactly_once_while_a_run_logs(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    async with page(server) as open_page:
        await open_page.tick()
        seen: list[int] = []

        async def log() -> None:
            for i in range(30):
                await sender.log([{"x": i}], first_step=i)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(log())
        while len(seen) < 30:
            seen += [step for step, _, _ in (await open_page.tick())["points"]["r1"]["x"]]
        await task
    assert seen == list(range(30))


async def test_a_page_that_comes_back_is_told_which_runs_to_fetch_anew(server: Any) -> None:
    quiet, busy = Sender(server, run="quiet"), Sender(server, run="busy")
    await quiet.start()
    await busy.start()
    async with page(server) as open_page:
        version = (await open_page.tick())["version"]
    await busy.log([{"x": 1}])
    for options in ({"params": {"since": version}}, {"headers": {"Last-Event-ID": str(version)}}):
        async with page(server, **options) as open_page:
            tick = await open_page.tick()
            assert [run["id"] for run in tick["runs"]] == ["busy"]
            assert tick["points"] == {"busy": None}


async def test_a_page_that_cannot_keep_up_is_told_to_fetch_anew(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    async with page(server) as open_page:
        await open_page.tick()
        await sender.send(history([{"x": i} for i in range(2001)]))
        assert (await open_page.tick())["points"] == {"r1": None}
        await sender.log([{"x": 1}], first_step=5000)
        assert (await open_page.tick())["points"]["r1"]["x"][0][0] == 5000


async def test_a_page_that_does_not_read_never_slows_ingest(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    async with page(server):
        for start in range(0, 40_000, 4000):
            await asyncio.wait_for(sender.log([{"x": i, "y": i} for i in range(4000)], start), 5)
    assert len(await sender.rows(min_step=35_000)) == 5000


async def test_other_projects_are_not_heard_of(server: Any) -> None:
    await Sender(server).start()
    other = Sender(server, project="other")
    async with page(server) as open_page:
        await open_page.tick()
        await other.start()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(open_page.tick(), 0.5)


async def test_a_silent_stream_is_kept_alive_by_pings(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PING_S", 0.05)
    await Sender(server).start()
    async with page(server) as open_page:
        await open_page.tick()
        assert (await open_page.event()) == {"": "ping"}


async def test_streams_end_when_the_server_stops(open_server: Any, tmp_path: Any) -> None:
    async with open_server(tmp_path / "data") as server:
        await Sender(server).start()
        url = f"{server.base_url}/api/v1/projects/me/digits/events"
        response = await server.http.get(url, headers={"Authorization": f"Bearer {server.api_key}"})
        server.parts.hub.close()
        await asyncio.wait_for(response.read(), 3)
        response.close()


async def test_a_project_that_is_not_there_has_no_stream(server: Any) -> None:
    assert (await server.request("GET", "/api/v1/projects/me/nothing/events"))[0] == 404
