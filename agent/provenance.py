"""Where a run ran: host, program, Python, hardware. Nothing here can hold a secret (no arguments, no environment)."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path
from typing import Any

import psutil

from trialog._version import __version__


def read_metadata() -> dict[str, Any]:
    """Return what metadata.json holds."""
    return {
        "host": socket.gethostname(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "program": Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "",
        "executable": sys.executable,
        "pid": os.getpid(),
        "cpu_count": psutil.cpu_count(logical=False) or 0,
        "cpu_count_logical": psutil.cpu_count() or 0,
        "memory_bytes": psutil.virtual_memory().total,
        "trialog": __version__,
    }
