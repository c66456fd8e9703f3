"""Network traffic of the machine."""

from __future__ import annotations

import psutil

from trialog.agent.probes import Probe
from trialog.agent.probes.memory import MIB
from trialog.agent.probes.rates import make_rate_probe


def make_network_probe() -> Probe:
    """Return a sampler of MiB/s sent and received on all interfaces."""
    return make_rate_probe(_traffic)


def _traffic() -> dict[str, float]:
    counters = psutil.net_io_counters()
    return {
        "system/network_sent_mib_per_s": counters.bytes_sent / MIB,
        "system/network_received_mib_per_s": counters.bytes_recv / MIB,
    }
