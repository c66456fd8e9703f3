"""How the agent opens files that only their owner may read."""

from __future__ import annotations

import os


def open_private(path: str, flags: int) -> int:
    """Open (or make, with mode 0600) a file; the ``opener`` of ``open``. Children inherit no descriptor."""
    return os.open(path, flags, 0o600)
