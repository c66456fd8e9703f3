"""The real ``trialog server`` in a process of its own, for tests of whatever talks to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_S = 30.0


@dataclass
class RunningServer:
    """A server that answers; ``login_url`` opens its page without a password."""

    base_url: str
    login_url: str
    api_key: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.base_url.rpartition(":")[2])

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)


@contextmanager
def running_server(data_dir: Path, *, port: int = 0, config_dir: Path) -> Iterator[RunningServer]:
    """Start the server and wait until it answers; on the way out it is stopped if it still runs."""
    command = [sys.executable, "-m", "trialog", "server", "--data", str(data_dir), "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "TRIALOG_CONFIG_DIR": str(config_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        base_url, login_url = _read_addresses(process)
        stored = json.loads((config_dir / "credentials.json").read_text())
        server = RunningServer(base_url, login_url, stored["servers"][base_url]["api_key"], process)
        yield server
        if process.poll() is None:
            assert server.stop() == 0
    finally:
        if process.poll() is None:
            process.kill()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


def _read_addresses(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    found: list[str] = []
    watchdog = threading.Timer(_START_S, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            found += re.findall(r"http://\S+", line)
            if "Ctrl-C" in line:
                # Nobody reads its errors from here on; a full pipe must not stop it.
                threading.Thread(target=process.stderr.read, daemon=True).start()
                return found[0], found[1]
    finally:
        watchdog.cancel()
    raise AssertionError(f"the server did not start: {process.stderr.read()}")
