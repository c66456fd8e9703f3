"""What a run prints: where it is when it starts, and what became of it when it ends."""

from __future__ import annotations

import contextlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trialog._run import Run
    from trialog.agent import FinishReport


class Messages:
    """Writes to stderr, unless silent. A closed or replaced stream is the host program's business."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent

    def say(self, text: str) -> None:
        """Write one line."""
        if not self._silent:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(f"trialog: {text}\n")
                sys.stderr.flush()

    def started(self, run: Run, directory: Path) -> None:
        """Say which run began and how to look at it."""
        if run.url is not None:
            self.say(f"run {run.name} ({run.id}) in project {run.project}: {run.url}")
        else:
            folder = shlex.quote(_short(directory.parent))
            self.say(f"run {run.name} ({run.id}) in project {run.project}, offline; see it: trialog ui {folder}")

    def finished(self, run: Run, report: FinishReport, exit_code: int, seconds: float) -> None:
        """Say how the run ended, what is where, and what to do if something is still missing."""
        if run.disabled:
            return
        word = "finished" if exit_code == 0 else f"failed (exit code {exit_code})"
        rows = f"{report.rows:,} row{'' if report.rows == 1 else 's'}"
        directory = _short(Path(run.dir).parent)
        where = f"in {directory}" if run.url is None else "all on the server"
        if report.unsent:
            where = f"safe in {directory}"
        self.say(f"run {run.name} {word} after {_duration(seconds)}: {rows}, {where}")
        if report.unwritten:
            self.say(f"{report.unwritten:,} calls did not reach the disk in time and are lost")
        if report.unsent:
            why = f" ({report.problem})" if report.problem else ""
            self.say(f"{report.unsent:,} of {report.records:,} records are not on the server yet{why}; send them:")
            self.say(f"  trialog sync {shlex.quote(directory)}")
        elif run.url is None and report.records:
            self.say(f"send it to a server: trialog sync {shlex.quote(directory)}")


def _short(path: Path) -> str:
    """Return ``path`` relative to the working directory where that is shorter."""
    with contextlib.suppress(ValueError, OSError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
