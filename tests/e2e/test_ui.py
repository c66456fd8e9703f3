"""``trialog ui`` follows a folder of runs on this machine."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import trialog
from tests.e2e.comparison import on_disk, on_server
from trialog._credentials import read_credential

pytestmark = pytest.mark.crash


@contextmanager
def running_ui(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "trialog", "ui", str(folder), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert found
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
        assert code == 0


def wait_until(true: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_rows_appear_while_an_offline_run_writes_them_and_so_does_a_run_that_starts_later(tmp_path: Path) -> None:
    run = trialog.init(project="local", dir=tmp_path, mode="offline", config={"lr": 0.1})
    run.log({"loss": 1.0})
    with running_ui(tmp_path / "trialog-runs") as address:
        stored = read_credential(address)
        assert stored is not None
        key = stored.api_key

        def rows() -> dict[str, int]:
            return {name: len(values) for name, values in on_server(address, key, "local").items()}

        wait_until(lambda: rows() == {run.id: 1})
        run.log({"loss": 0.5})
        wait_until(lambda: rows() == {run.id: 2})
        with trialog.init(project="local", dir=tmp_path, mode="offline", reinit="create_new") as later:
            later.log({"loss": 2.0})
        wait_until(lambda: rows() == {run.id: 2, later.id: 1})
        run.finish()
        api = trialog.Api(base_url=address, api_key=key)
        wait_until(lambda: api.run(f"local/{run.id}").state == "finished")

        assert on_server(address, key, "local") == on_disk(tmp_path)
        assert api.run(f"local/{run.id}").config == {"lr": 0.1}
