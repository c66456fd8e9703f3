"""The real server in a process of its own: start, stop, and what a kill leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server.live_server import LiveServer
from tests.server.sending import Sender, history
from tests.server_process import RunningServer, running_server


def client(server: RunningServer, http: aiohttp.ClientSession) -> Any:
    return LiveServer(server.base_url, server.api_key, None, None, http)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def start(*arguments: str, config_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trialog", "server", *arguments]
    environment = {**os.environ, "TRIALOG_CONFIG_DIR": str(config_dir)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


@pytest.mark.crash
async def test_what_was_acknowledged_survives_kills_of_the_server_once(tmp_path: Path) -> None:
    port = free_port()
    sender: Sender | None = None
    acked = 0
    async with aiohttp.ClientSession() as http:
        for round_ in range(3):
            with running_server(tmp_path / "data", port=port, config_dir=tmp_path / "config") as server:
                live = client(server, http)
                if sender is None:
                    sender = Sender(live)
                    await sender.start()
                    acked = 1
                sender.server = live
                cursor = (await live.get(sender.path))["cursor"]
                assert cursor >= acked  # committed but not acknowledged is possible, the reverse is not
                sender.next = cursor + 1
                kill = asyncio.get_running_loop().call_later(0.2 + 0.15 * round_, server.process.kill)
                with contextlib.suppress(aiohttp.ClientError):
                    while True:
                        rows = [{"x": sender.next + i, "big": 1500} for i in range(1500)]
                        status, answer = await sender.send(history(rows, first_step=sender.next))
                        assert status == 200, answer
                        acked = answer["ack"]
                kill.cancel()
                server.process.wait()

        with running_server(tmp_path / "data", port=port, config_dir=tmp_path / "config") as server:
            live = sender.server = client(server, http)
            cursor = (await live.get(sender.path))["cursor"]
            values = await sender.values("x")
            series = await live.series("r1", "x")
    assert acked > 5000
    assert cursor >= acked
    assert values == [(seq, seq) for seq in range(2, cursor + 1)]
    assert series["n"] == cursor - 1


async def test_a_stopped_server_ends_open_streams_and_exits_with_zero(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", config_dir=tmp_path / "config") as server:
        async with aiohttp.ClientSession() as http:
            live = client(server, http)
            await Sender(live).start()
            url = f"{server.base_url}/api/v1/projects/me/digits/events"
            async with http.get(url, headers={"Authorization": f"Bearer {server.api_key}"}) as stream:
                await stream.content.readline()
                began = time.monotonic()
                server.process.send_signal(signal.SIGINT)
                await asyncio.wait_for(stream.read(), 5)
                assert await asyncio.to_thread(server.process.wait, 5) == 0
                assert time.monotonic() - began < 3


def test_the_same_account_needs_no_login_and_keeps_its_key(tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "config"
    with running_server(tmp_path / "data", port=port, config_dir=config) as server:
        key = server.api_key
        stored = json.loads((config / "credentials.json").read_text())["servers"]
        assert stored[f"http://127.0.0.1:{port}"] == stored[f"http://localhost:{port}"]
        assert re.fullmatch(r"tl_[A-Za-z0-9]{43,}", key)
        assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/#login=\S{{20,}}", server.login_url)
        assert stat.S_IMODE((config / "credentials.json").stat().st_mode) == 0o600
    with running_server(tmp_path / "data", port=port, config_dir=config) as server:
        assert server.api_key == key
    with running_server(tmp_path / "elsewhere", port=port, config_dir=config) as server:
        assert server.api_key != key


def test_a_taken_port_and_a_taken_folder_are_explained_in_a_line(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", config_dir=tmp_path / "config") as server:
        for arguments, told in (
            (["--data", str(tmp_path / "other"), "--port", str(server.port)], f"port {server.port}"),
            (["--data", str(tmp_path / "data"), "--port", "0"], str(tmp_path / "data")),
            (["--data", str(tmp_path / "config" / "credentials.json"), "--port", "0"], "--data"),
            (["--data", str(tmp_path / "x"), "--host", "no.such.host.invalid"], "--host"),
        ):
            ended = start(*arguments, config_dir=tmp_path / "config")
            assert ended.returncode == 1
            assert told in ended.stderr
            assert ended.stderr.count("\n") == 1, ended.stderr


def test_a_server_for_all_addresses_gives_no_login_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trialog", "server", "--host", "0.0.0.0", "--port", "0", "--data"]
    environment = {**os.environ, "TRIALOG_CONFIG_DIR": str(tmp_path / "config")}
    with subprocess.Popen(
        [*command, str(tmp_path / "data")], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "login=" not in "".join(lines)
    assert re.search(r"http://127\.0\.0\.1:\d+/login", "".join(lines))
