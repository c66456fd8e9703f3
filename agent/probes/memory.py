"""Memory of the machine, and of the process with its children."""

from __future__ import annotations

import psutil

from trialog.agent.probes import Probe

MIB = 1024.0 * 1024.0


def make_memory_probe() -> Probe:
    """Return a sampler of the machine's used share and the process tree's resident MiB."""
    process = psutil.Process()

    def sample() -> dict[str, float]:
        resident = 0
        for member in (process, *process.children(recursive=True)):
            try:
                resident += member.memory_info().rss
            except psutil.Error:
                continue
        return {
            "system/memory_percent": psutil.virtual_memory().percent,
            "system/process_memory_mib": resident / MIB,
        }

    return sample
