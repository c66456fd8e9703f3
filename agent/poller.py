"""
Samples system statistics every few seconds and publishes their averages on the run's own queue.

The probes run on one daemon thread of their own: a driver that hangs takes that thread with it, not the
loop, and no further sample is asked of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trialog.agent.calls import Sample
from trialog.agent.diagnostics import Diagnostics
from trialog.agent.probes import Probe
from trialog.agent.threads import DaemonThreads

T = TypeVar("T")


class Poller:
    """
    The statistics task of one run.

    ``sampling_interval_s`` lies between two samples, ``interval_s`` is the span of one published average;
    the first sample is published at once, and what is left at the end by :meth:`publish`.
    """

    def __init__(
        self,
        directory: Path,
        put: Callable[[Sample], None],
        diagnostics: Diagnostics,
        sampling_interval_s: float,
        interval_s: float,
    ) -> None:
        self._directory = directory
        self._put = put
        self._diagnostics = diagnostics
        self._sampling_interval_s = sampling_interval_s
        self._interval_s = interval_s
        self._threads = DaemonThreads("trialog-probes", 1)
        self._sums: dict[str, tuple[float, int]] = {}

    async def run(self) -> None:
        """Sample and publish until cancelled."""
        probes = await self._call(self._make_probes)
        loop = asyncio.get_running_loop()
        first, published = True, loop.time()
        while True:
            # Rates need a span of time, so the first sample is taken a little after the start.
            await asyncio.sleep(min(1.0, self._sampling_interval_s) if first else self._sampling_interval_s)
            self._collect(await self._call(lambda: self._sample(probes)))
            if first or loop.time() - published >= self._interval_s - self._sampling_interval_s / 2:
                first, published = False, loop.time()
                self.publish()

    def publish(self) -> None:
        """Put the averages since the last time on the queue."""
        sums, self._sums = self._sums, {}
        if sums:
            self._put(Sample({name: total / count for name, (total, count) in sums.items()}))

    def close(self) -> None:
        """Let the probe thread end."""
        self._threads.close()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._threads.submit(work))

    def _collect(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, count + 1)

    def _make_probes(self) -> list[Probe]:
        from trialog.agent.probes.cpu import make_cpu_probe
        from trialog.agent.probes.disk import make_disk_probe
        from trialog.agent.probes.gpu import make_gpu_probe
        from trialog.agent.probes.memory import make_memory_probe
        from trialog.agent.probes.network import make_network_probe

        probes: list[Probe] = []
        makers: list[Callable[[], Probe | None]] = [
            make_cpu_probe,
            make_memory_probe,
            lambda: make_disk_probe(self._directory),
            make_network_probe,
            make_gpu_probe,
        ]
        for make in makers:
            try:
                probe = make()
            except Exception as error:  # noqa: BLE001 - a strange machine costs this probe only; it is noted
                self._diagnostics.note(f"a probe of system statistics is left out: {error!r}")
                continue
            if probe is not None:
                probes.append(probe)
        return probes

    def _sample(self, probes: list[Probe]) -> dict[str, float]:
        values: dict[str, float] = {}
        for probe in list(probes):
            try:
                values.update(probe())
            except Exception as error:  # noqa: BLE001 - as above
                probes.remove(probe)
                self._diagnostics.note(f"a probe of system statistics stopped: {error!r}")
        return values
