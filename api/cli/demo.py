"""``trialog demo``: a server, its page, and a real training whose curves move there."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from trialog.cli.requirements import require_extra
from trialog.cli.ui import choose_port, show_page

if TYPE_CHECKING:
    from trialog._reader import StoredRun
    from trialog.server import ServerAddress

PROJECT = "digits"
COLUMNS = ("run", "state", "lr", "epoch", "train/loss", "val/loss", "val/accuracy", "best_accuracy")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="train a small network and watch its curves",
        description="Start a server on this machine, open its page, and train a small network on handwritten "
        "digits with several learning rates. Everything is kept in one folder, which may be deleted afterwards.",
    )
    parser.add_argument("--once", action="store_true", help="stop after the training and print its runs")
    parser.add_argument("--dir", type=Path, default=Path("trialog-demo"), help="default: trialog-demo")
    parser.add_argument("--port", type=int, help="default: 8642, or any free port")
    parser.add_argument("--epochs", type=int, default=60, help="how long to train (default: 60)")
    parser.add_argument("--no-browser", action="store_true", help="print the page's address only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve and train; returns 0 unless, with --once, the training failed."""
    require_extra("demo", "sqlalchemy", "alembic", "numpy", "zstandard", "sklearn")
    from trialog.server import ServerSettings, serve

    demo = Demo(arguments)
    data_dir = arguments.dir / "server"
    serve(ServerSettings(data_dir, "127.0.0.1", choose_port(arguments.port)), on_start=demo.start)
    demo.stop()
    return demo.exit_code


class Demo:
    """The training process beside the server of this process."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.exit_code = 0
        self._training: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._arguments = arguments

    def start(self, address: ServerAddress) -> None:
        """Start the training; called when the server listens."""
        folder = self._arguments.dir
        command = [sys.executable, "-m", "trialog.demo.digits", "--epochs", str(self._arguments.epochs)]
        environment = {
            **os.environ,
            "TRIALOG_BASE_URL": address.base_url,
            "TRIALOG_PROJECT": PROJECT,
            "TRIALOG_MODE": "online",
            "TRIALOG_DIR": str(folder),
            "TRIALOG_SILENT": "true",
        }
        # In a session of its own it is this command that ends it, not the terminal's Ctrl-C.
        training = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
        self._training = training
        print(f"trialog demo: training {PROJECT} in process {training.pid}, runs in {folder / 'trialog-runs'}")
        show_page(address, open_browser=not (self._arguments.no_browser or self._arguments.once))
        threading.Thread(target=self._watch, args=(training, address), daemon=True).start()

    def stop(self) -> None:
        """End a training that still runs when the server has ended; what it logged is on disk."""
        self._stopping = True
        if self._training is not None and self._training.poll() is None:
            self._training.terminate()
            self._training.wait()

    def _watch(self, training: subprocess.Popen[bytes], address: ServerAddress) -> None:
        """Report when the training ends; with --once, end this process through its ordinary SIGTERM."""
        try:
            code = training.wait()
            if not self._stopping:
                self._report(code, address)
        finally:
            if self._arguments.once:
                os.kill(os.getpid(), signal.SIGTERM)

    def _report(self, code: int, address: ServerAddress) -> None:
        from trialog import Api

        folder = self._arguments.dir / "trialog-runs"
        if code != 0:
            self.exit_code = 1 if self._arguments.once else 0
            how = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
            print(f"the training {how}; what it logged is in {folder}. Send what is missing:")
            print(f"  trialog sync {folder}", flush=True)
            return
        print(f"training finished: {address.base_url}/{address.user}/{PROJECT}")
        runs = Api(base_url=address.base_url).runs(f"{address.user}/{PROJECT}")
        print(format_table(list(reversed(runs))), flush=True)


def format_table(runs: list[StoredRun]) -> str:
    """Return the runs as an aligned text table."""
    rows = [COLUMNS, *(tuple(_cell(run, column) for column in COLUMNS) for run in runs)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join((lines[0], "  ".join("-" * width for width in widths), *lines[1:]))


def _cell(run: StoredRun, column: str) -> str:
    if column in ("run", "state"):
        return run.name if column == "run" else run.state
    value = run.config.get(column, run.summary.get(column))
    return f"{value:.4g}" if isinstance(value, float) else str("" if value is None else value)
