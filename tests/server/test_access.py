"""Who may ask what, from where, and with which body; generated from the table of routes."""

from __future__ import annotations

import asyncio
import io
import re
import stat
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from tests.server.sending import Sender
from trialog.server.hosts import HostRule
from trialog.server.routes import ROUTES, Route

WRONG_KEY = "tl_" + "x" * 43
PLACES = {"entity": "me", "project": "digits", "run": "r1", "writer": "0" * 16, "version": "v", "name": "index.html"}
API = [route for route in ROUTES if route.path.startswith("/api/")]


def address(route: Route, **places: str) -> str:
    return re.sub(r"{(\w+)[^}]*}", lambda match: {**PLACES, **places}[match[1]], route.path)


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


async def status_of(server: Any, route: Route, key: str | None, **options: Any) -> int:
    """Ask, and read no further than the status: one route streams for ever."""
    headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **options.pop("headers", {})}
    url = server.base_url + address(route, **options.pop("places", {}))
    async with server.http.request(route.method, url, headers=headers, **options) as response:
        return response.status


@pytest.mark.parametrize("key", [None, WRONG_KEY, "", "tl_", "nonsense", "x" * 5000])
async def test_without_a_valid_key_only_open_routes_answer(server: Any, key: str | None) -> None:
    await Sender(server).start()
    for route in ROUTES:
        status = await status_of(server, route, key)
        assert (status == 401) == (route.right != "open"), (name_of(route), status)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.right != "open"], ids=name_of)
async def test_the_owners_key_opens_every_route(server: Any, route: Route) -> None:
    await Sender(server).start()
    assert await status_of(server, route, server.api_key) not in (401, 403, 404)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.right != "open" and "{entity}" in r.path], ids=name_of)
async def test_other_entities_are_not_to_be_seen(server: Any, route: Route) -> None:
    await Sender(server).start()
    options: dict[str, Any] = {"json": {"runs": [], "keys": [], "name": "n"}} if "series" in route.path else {}
    if route.method == "PATCH":
        options = {"json": {"name": "n"}}
    status = await status_of(server, route, server.api_key, places={"entity": "somebody"}, **options)
    assert status == (403 if "writer" in route.path else 404)


@pytest.mark.parametrize("route", [r for r in API if r.right != "open"], ids=name_of)
async def test_an_unknown_run_or_project_is_not_found(server: Any, route: Route) -> None:
    if "{entity}" not in route.path or "{writer}" in route.path:
        return
    options: dict[str, Any] = {}
    if route.method in ("POST", "PATCH"):
        options = {"json": {"runs": [], "keys": []} if route.method == "POST" else {"name": "n"}}
    assert await status_of(server, route, server.api_key, **options) == 404


def test_every_route_declares_a_right() -> None:
    assert {route.right for route in ROUTES} <= {"open", "read", "write"}
    opened = {name_of(route) for route in API if route.right == "open"}
    assert opened == {"GET /api/v1/health", "POST /api/v1/session", "DELETE /api/v1/session"}


async def test_a_stranger_is_refused_before_the_body_is_read(server: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.base_url.rpartition(":")[2]))
    writer.write(
        f"POST {Sender(server).path}?first=1&count=1&salt=1 HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/x-trialog-frames\r\nContent-Length: 4000000\r\n\r\n".encode()
    )
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)  # not a byte of the body was sent
    writer.close()
    await writer.wait_closed()


async def log_in(server: Any, http: ClientSession, body: dict[str, Any], **headers: str) -> tuple[int, str]:
    async with http.post(f"{server.base_url}/api/v1/session", json=body, headers=headers) as response:
        return response.status, response.headers.get("Set-Cookie", "")


async def cookie_of(server: Any) -> str:
    status, header = await log_in(server, server.http, {"api_key": server.api_key})
    assert status == 200
    return header.split(";")[0]


async def test_a_key_or_the_printed_code_gives_a_session_cookie(server: Any) -> None:
    for body in ({"api_key": server.api_key}, {"code": server.login_code}):
        status, header = await log_in(server, server.http, body)
        assert status == 200
        assert "HttpOnly" in header and "SameSite=Lax" in header
        me = await server.get("/api/v1/me", key=None, headers={"Cookie": header.split(";")[0]})
        # Browsers do not tell ports apart: another server on this machine must not overwrite it.
        assert header.startswith(f"trialog_session_{me['instance']}=")
        assert me.keys() == {"user", "entity", "instance", "version"}


@pytest.mark.parametrize("body", [{"api_key": WRONG_KEY}, {"code": "guess"}, {}, {"api_key": None}])
async def test_a_wrong_key_or_code_gives_none(server: Any, body: dict[str, Any]) -> None:
    assert await log_in(server, server.http, body) == (401, "")


async def test_guessing_is_slowed_down(server: Any) -> None:
    statuses = [(await log_in(server, server.http, {"code": "guess"}))[0] for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


async def test_a_session_token_is_no_api_key(server: Any) -> None:
    name, _, token = (await cookie_of(server)).partition("=")
    assert (await server.request("GET", "/api/v1/me", key=None, headers={"Cookie": f"{name}={token}"}))[0] == 200
    assert (await server.request("GET", "/api/v1/me", key=token))[0] == 401
    assert (await server.request("GET", "/api/v1/me", key=None, headers={"Cookie": f"{name}={server.api_key}"}))[
        0
    ] == 401


async def test_logging_out_ends_the_session_and_logging_in_again_the_old_one(server: Any) -> None:
    first = await cookie_of(server)
    async with server.http.post(
        f"{server.base_url}/api/v1/session",
        json={"code": server.login_code},
        headers={"Cookie": first, "Sec-Fetch-Site": "same-origin"},
    ) as response:
        second = response.headers["Set-Cookie"].split(";")[0]
    assert second != first
    assert (await server.request("GET", "/api/v1/me", key=None, headers={"Cookie": first}))[0] == 401
    own = {"Cookie": second, "Sec-Fetch-Site": "same-origin"}
    assert (await server.request("DELETE", "/api/v1/session", key=None, headers=own))[0] == 200
    assert (await server.request("GET", "/api/v1/me", key=None, headers={"Cookie": second}))[0] == 401


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "own"}, True),
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "own"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
async def test_a_change_by_cookie_must_come_from_our_own_page(
    server: Any, headers: dict[str, str], allowed: bool
) -> None:
    sender = Sender(server)
    await sender.start()
    headers = {name: server.base_url if value == "own" else value for name, value in headers.items()}
    headers["Cookie"] = await cookie_of(server)
    status, _ = await server.request("PATCH", sender.run_path, key=None, json={"name": "new"}, headers=headers)
    assert status == (200 if allowed else 403)
    assert ((await sender.show())["name"] == "new") == allowed


async def test_a_program_with_a_key_may_change_things_from_anywhere(server: Any) -> None:
    sender = Sender(server)
    await sender.start()
    headers = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert (await server.request("PATCH", sender.run_path, json={"name": "new"}, headers=headers))[0] == 200


async def test_another_site_cannot_log_its_visitor_in(server: Any) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert await log_in(server, server.http, {"api_key": server.api_key}, **headers) == (403, "")


async def test_a_host_name_that_is_not_ours_is_refused(server: Any) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "10.0.0.1", "[::2]"):
        assert (await server.request("GET", "/api/v1/health", headers={"Host": host}))[0] in (400, 403), host


async def test_every_name_of_this_machine_is_answered(server: Any) -> None:
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.2:80", "[::1]", "[::1]:80"):
        assert (await server.request("GET", "/api/v1/health", headers={"Host": host}))[0] == 200, host


def test_a_server_for_all_addresses_answers_to_addresses_but_not_to_foreign_names() -> None:
    rule = HostRule("0.0.0.0")
    assert rule.allows("10.1.2.3:8642")
    assert rule.allows("[fe80::1]:8642")
    assert not rule.allows("evil.example")
    assert HostRule("box.example").allows("box.example:8642")


TRAVERSALS = [
    "../app.py", "..%2fapp.py", "%2e%2e/app.py", "%2e%2e%2fapp.py", "..%5capp.py", "....//app.py", "/etc/passwd",
    "%2fetc%2fpasswd", "index.html%00", "index.html/", "./index.html", "a/../../app.py", "%252e%252e%252fapp.py",
    "..;/app.py", "C:%5cwindows", "index.html%20",
]  # fmt: skip


async def test_only_files_of_the_page_can_be_fetched(server: Any) -> None:
    version = server.parts.assets.version
    for name in TRAVERSALS:
        for path in (f"/static/{version}/{name}", f"/static/{name}", f"/{name}"):
            async with server.http.get(URL(server.base_url + path, encoded=True)) as response:
                body = await response.text()
                assert response.status in (400, 404) or "<!doctype html>" in body
                assert "import" not in body and "root:" not in body


async def test_every_answer_carries_the_security_headers_and_a_request_id(server: Any) -> None:
    for path in ("/api/v1/health", "/api/v1/me", "/", "/static/x/y.js", "/nowhere/at/all", "/api/v1/nothing"):
        async with server.http.get(server.base_url + path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["X-Request-Id"]
            assert "aiohttp" not in response.headers["Server"]


async def test_an_error_has_a_code_a_message_and_the_request_id_and_tells_no_internals(
    server: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail in /some/path")

    monkeypatch.setattr(server.parts.database, "read", broken)
    async with server.http.get(
        f"{server.base_url}/api/v1/projects", headers={"Authorization": f"Bearer {server.api_key}"}
    ) as response:
        answer = await response.json()
        assert response.status == 500
        assert answer["request_id"] == response.headers["X-Request-Id"]
        assert answer["error"]["code"] == "internal"
        assert "secret" not in str(answer)
    assert answer["request_id"] in caplog.text


async def test_unknown_addresses_and_methods_answer_in_json(server: Any) -> None:
    assert (await server.request("GET", "/api/v1/nothing"))[1]["error"]["code"] == "not_found"
    assert (await server.request("PUT", "/api/v1/health"))[1]["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"3"])
async def test_a_body_that_is_no_json_object_is_refused(server: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    path = "/api/v1/projects/me/digits/series"
    assert (await server.request("POST", path, data=body, headers=headers))[0] == 400
    assert (await server.request("POST", path, data=b"{}", headers={"Content-Type": "text/plain"}))[0] == 415


async def test_a_json_body_of_more_than_a_mebibyte_is_refused(server: Any) -> None:
    body = b'{"runs": "' + b"x" * 1_040_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert (await server.request("POST", "/api/v1/projects/me/d/series", data=body, headers=headers))[0] in (400, 404)
    body += b" " * 20_000
    status, _ = await server.request("POST", "/api/v1/projects/me/d/series", data=io.BytesIO(body), headers=headers)
    assert status == 413


async def test_keys_and_sessions_are_nowhere_in_the_data_folder(server: Any, tmp_path: Any) -> None:
    token = (await cookie_of(server)).partition("=")[2]
    for path in (tmp_path / "data").iterdir():
        assert server.api_key.encode() not in path.read_bytes()
        assert token.encode() not in path.read_bytes()


async def test_the_data_folder_is_private(server: Any, tmp_path: Any) -> None:
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
