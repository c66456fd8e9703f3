"""
The run directory: ``<dir>/trialog-runs/run-YYYYMMDD_HHMMSS-<id>/`` and how such folders are found again.

Directories have mode 0700. When the wanted place cannot be written, the system's temporary folder is used
and the caller told: a run is never refused for want of a folder.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from trialog._errors import TrialogError
from trialog.agent.wal.segments import list_segments

RUNS_FOLDER = "trialog-runs"


def create_run_directory(root: Path, run_id: str) -> tuple[Path, str | None]:
    """
    Make the directory of a run under ``root/trialog-runs``.

    Returns its absolute path, and None or a sentence saying why it lies elsewhere than asked for.

    Raises:
        TrialogError: neither there nor in the temporary folder can a directory be made.
    """
    problem = None
    bases: tuple[Callable[[], str], ...] = (lambda: str(root), tempfile.gettempdir)
    for find_base in bases:
        runs = root / RUNS_FOLDER
        try:
            # gettempdir() itself fails on a full disk; resolve() would follow links.
            runs = Path(os.path.abspath(find_base())) / RUNS_FOLDER  # noqa: PTH100
            path = _make(runs, run_id)
        except OSError as error:
            problem = problem or f"{runs} cannot be written ({error.strerror or error})"
            continue
        _point_latest(runs, path)
        return path, f"{problem}; the run is kept in {path}" if problem else None
    raise TrialogError(f"no folder for the run: {problem}, and the temporary folder cannot be written either")


def _make(runs: Path, run_id: str) -> Path:
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    stem = f"run-{time.strftime('%Y%m%d_%H%M%S')}-{run_id}"
    for attempt in range(1000):
        path = runs / (stem if attempt == 0 else f"{stem}-{attempt}")
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        (path / "files").mkdir(mode=0o700)
        return path
    raise OSError(f"{stem} exists a thousand times")


def _point_latest(runs: Path, path: Path) -> None:
    """Let ``latest-run`` link to the newest run; a file system without links does without it."""
    with contextlib.suppress(OSError, NotImplementedError):
        fresh = runs / f".latest-run-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(path.name)
        fresh.replace(runs / "latest-run")


def count_runs(root: Path) -> int:
    """Return how many run directories ``root/trialog-runs`` holds."""
    try:
        return sum(1 for path in (root / RUNS_FOLDER).iterdir() if path.name.startswith("run-"))
    except OSError:
        return 0


def find_run_directories(path: Path) -> list[Path]:
    """
    Return the run directories that ``path`` means, oldest first.

    ``path`` is a run directory, a folder of them, or a folder that holds ``trialog-runs``.
    """
    if not path.is_dir():
        return []
    if list_segments(path):
        return [path]
    folder = path / RUNS_FOLDER if (path / RUNS_FOLDER).is_dir() else path
    found = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()]
    return sorted(entry for entry in found if list_segments(entry))
