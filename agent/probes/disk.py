"""Disk traffic of the machine and the share used of the run's file system."""

from __future__ import annotations

from pathlib import Path

import psutil

from trialog.agent.probes import Probe
from trialog.agent.probes.memory import MIB
from trialog.agent.probes.rates import make_rate_probe


def make_disk_probe(directory: Path) -> Probe:
    """Return a sampler of MiB/s read and written, and of the used percentage where ``directory`` lies."""
    rates = make_rate_probe(_traffic)

    def sample() -> dict[str, float]:
        return {"system/disk_used_percent": psutil.disk_usage(str(directory)).percent, **rates()}

    return sample


def _traffic() -> dict[str, float] | None:
    counters = psutil.disk_io_counters()
    if counters is None:
        return None
    return {
        "system/disk_read_mib_per_s": counters.read_bytes / MIB,
        "system/disk_written_mib_per_s": counters.write_bytes / MIB,
    }
