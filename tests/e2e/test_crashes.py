"""Real processes are killed at any moment; every row that should be there is there, once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.comparison import on_disk, on_server
from tests.server_process import running_server

pytestmark = pytest.mark.crash

TRAINER = Path(__file__).with_name("trainer.py")


class Trainer:
    """A training process, and the rows that it says it has logged."""

    def __init__(self, folder: Path, base_url: str, rows: int, pause_s: float) -> None:
        environment = {**os.environ, "TRIALOG_BASE_URL": base_url, "TRIALOG_DIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, str(TRAINER), str(rows), str(pause_s)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.logged: list[tuple[int, float]] = []

    def read_until(self, step: int) -> None:
        """Read its output until it has logged ``step``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            match = re.fullmatch(r"(\d+) ([\d.]+)\n", line)
            if match:
                self.logged.append((int(match[1]), float(match[2])))
                if int(match[1]) >= step:
                    return
        raise AssertionError(f"the trainer ended early: {self.process.communicate()[1]}")

    def end(self) -> tuple[int, str]:
        """Wait for the end and return exit code and standard error."""
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@pytest.fixture
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "config"
    monkeypatch.setenv("TRIALOG_CONFIG_DIR", str(path))
    yield path


def sync(folder: Path, base_url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trialog", "sync", str(folder), "--server", base_url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("kill_at", [1, 37, 160])
def test_rows_older_than_100_ms_survive_a_kill_of_the_training_and_reach_the_server(
    tmp_path: Path, config_dir: Path, kill_at: int
) -> None:
    with running_server(tmp_path / "server", config_dir=config_dir) as server:
        trainer = Trainer(tmp_path, server.base_url, rows=100_000, pause_s=0.002)
        trainer.read_until(kill_at)
        os.kill(trainer.process.pid, signal.SIGKILL)
        killed_at = time.time()
        trainer.end()

        result = sync(tmp_path / "trialog-runs", server.base_url)

        assert result.returncode == 0, result.stdout + result.stderr
        [stored] = on_server(server.base_url, server.api_key, "crash").values()
        due = {step for step, at in trainer.logged if at < killed_at - 0.1}
        assert due <= {step for step, _ in stored}
        assert stored == next(iter(on_disk(tmp_path).values()))


def test_a_kill_of_the_server_loses_and_doubles_nothing_and_the_training_does_not_notice(
    tmp_path: Path, config_dir: Path
) -> None:
    with running_server(tmp_path / "server", config_dir=config_dir) as server:
        port = int(server.base_url.rsplit(":", 1)[1])
        trainer = Trainer(tmp_path, server.base_url, rows=600, pause_s=0.005)
        trainer.read_until(150)
        server.kill()
        trainer.read_until(400)
    with running_server(tmp_path / "server", port=port, config_dir=config_dir) as server:
        code, errors = trainer.end()

        assert code == 0
        assert "Traceback" not in errors
        [stored] = on_server(server.base_url, server.api_key, "crash").values()
        assert {step for step, _ in stored} == set(range(600))
        assert stored == next(iter(on_disk(tmp_path).values()))


def test_a_wrong_address_costs_nothing_once_the_server_is_there(tmp_path: Path, config_dir: Path) -> None:
    with running_server(tmp_path / "server", config_dir=config_dir) as server:
        port = int(server.base_url.rsplit(":", 1)[1])
        server.kill()
    trainer = Trainer(tmp_path, f"http://127.0.0.1:{port}", rows=50, pause_s=0.0)
    code, errors = trainer.end()
    assert code == 0
    assert f"trialog sync {next((tmp_path / 'trialog-runs').glob('run-*'))}" in errors
    with running_server(tmp_path / "server", port=port, config_dir=config_dir) as server:
        first = sync(tmp_path / "trialog-runs", server.base_url)
        again = sync(tmp_path / "trialog-runs", server.base_url)

        assert (first.returncode, again.returncode) == (0, 0), first.stdout + again.stdout
        assert "0 sent now" in again.stdout
        [stored] = on_server(server.base_url, server.api_key, "crash").values()
        assert {step for step, _ in stored} == set(range(50))
        assert stored == next(iter(on_disk(tmp_path).values()))


def test_ctrl_c_while_finishing_is_quick_and_says_how_to_send_the_rest(tmp_path: Path, config_dir: Path) -> None:
    code = """
import trialog
run = trialog.init(project="x", settings={"base_url": "http://127.0.0.1:9", "api_key": "tl_none"})
for step in range(100):
    run.log({"loss": step})
run.finish()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr is not None
        # The first failure is told a good while after finish() began to wait.
        assert any("server unreachable" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "trialog sync trialog-runs/run-" in errors
    [stored] = on_disk(tmp_path).values()
    assert len(stored) == 100
