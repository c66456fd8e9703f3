"""One server per data folder: two would hand out the same numbers and not hear of each other's changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from trialog.server.errors import StartError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderLock:
    """Held by the server that uses a data folder; the system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """
        Take the lock.

        Raises:
            StartError: another server has it.
        """
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise StartError(
                f"another trialog server uses the data folder {folder}; stop that one, or name another: --data"
            ) from error

    def release(self) -> None:
        """Let go."""
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
