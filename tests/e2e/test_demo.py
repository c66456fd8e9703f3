"""The demo as a person runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.comparison import on_disk, on_server
from trialog._credentials import read_credential

pytestmark = pytest.mark.crash

COMMAND = [sys.executable, "-m", "trialog", "demo", "--no-browser"]


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIALOG_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_once_trains_every_learning_rate_and_prints_address_and_final_table(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "--once", "--epochs", "4"], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"http://127\.0\.0\.1:\d+/\S+/digits", done.stdout)
    table = [line.split() for line in done.stdout.splitlines() if line.startswith("lr-")]
    assert sorted(row[0] for row in table) == ["lr-0.003", "lr-0.01", "lr-0.03", "lr-0.1", "lr-0.3"]
    assert all(row[1] == "finished" and row[3] == "4" for row in table)
    accuracies = {row[0]: float(row[-1]) for row in table}
    assert accuracies["lr-0.3"] > 0.9
    assert accuracies["lr-0.3"] > accuracies["lr-0.003"]


def test_a_killed_training_is_completed_by_sync_and_the_server_goes_on(tmp_path: Path) -> None:
    with (
        subprocess.Popen([*COMMAND, "--epochs", "2000"], stdout=subprocess.PIPE, text=True) as demo,
        ended_by_ctrl_c(demo),
    ):
        address, training = _read_start(demo)
        _wait_for_rows(tmp_path / "trialog-demo" / "trialog-runs")
        os.kill(training, signal.SIGKILL)
        assert demo.stdout is not None
        said = ""
        while "trialog sync" not in said:
            said += demo.stdout.readline()
        synced = subprocess.run(
            [sys.executable, "-m", "trialog", "sync", "trialog-demo/trialog-runs"],
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert synced.returncode == 0, synced.stdout + synced.stderr
        stored = read_credential(address)
        assert stored is not None
        assert on_server(address, stored.api_key, "digits") == on_disk(tmp_path / "trialog-demo")


@contextmanager
def ended_by_ctrl_c(demo: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        demo.send_signal(signal.SIGINT)
        code = demo.wait(timeout=20)
    assert code == 0


def _read_start(demo: subprocess.Popen[str]) -> tuple[str, int]:
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        training = re.search(r"in process (\d+)", said)
        if address and training and "Ctrl-C" in said:
            return address[0], int(training[1])
    raise AssertionError(said)


def _wait_for_rows(folder: Path) -> None:
    """Wait until the runs have some hundred rows each on disk."""
    while sum(path.stat().st_size for path in folder.glob("run-*/*.tlog")) < 50_000:
        time.sleep(0.01)


def test_ctrl_c_ends_the_training_too_without_a_traceback(tmp_path: Path) -> None:
    command = [*COMMAND, "--epochs", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        with ended_by_ctrl_c(demo):
            _, training = _read_start(demo)
            _wait_for_rows(tmp_path / "trialog-demo" / "trialog-runs")
        said, errors = demo.communicate(timeout=20)

    assert "Traceback" not in errors
    assert "killed" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(training, 0)
