"""Names of the segment files of a run directory: ``<writer, 16 hex digits>-<number, 6 digits>.tlog``."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"([0-9a-f]{16})-([0-9]{6})\.tlog")


def segment_name(writer: int, number: int) -> str:
    """Return the file name of a writer's segment; numbers start at 1."""
    return f"{writer:016x}-{number:06d}.tlog"


def list_segments(directory: Path) -> dict[int, list[Path]]:
    """Return the segment files of a run directory by writer, each list in order of writing."""
    found: dict[int, list[Path]] = {}
    for path in sorted(directory.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match:
            found.setdefault(int(match[1], 16), []).append(path)
    return found
