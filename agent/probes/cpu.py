"""CPU of the machine, and of the process with its children."""

from __future__ import annotations

import time

import psutil

from trialog.agent.probes import Probe


def make_cpu_probe() -> Probe:
    """Return a sampler of percentages: 100 is the whole machine, or one core for the process tree."""
    psutil.cpu_percent(interval=None)
    process = psutil.Process()
    before = (time.monotonic(), _tree_seconds(process))

    def sample() -> dict[str, float]:
        nonlocal before
        now = (time.monotonic(), _tree_seconds(process))
        elapsed, used = now[0] - before[0], now[1] - before[1]
        before = now
        values = {"system/cpu_percent": psutil.cpu_percent(interval=None)}
        if elapsed > 0:
            # A child that ended takes its seconds along: not less than nothing.
            values["system/process_cpu_percent"] = max(0.0, 100.0 * used / elapsed)
        return values

    return sample


def _tree_seconds(process: psutil.Process) -> float:
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        try:
            times = member.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total
