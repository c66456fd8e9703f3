"""
Samples system statistics every few seconds and publishes their averages on the run's own queue.

The probes run on daemon threads of their own, the GPU's apart from the others: a driver that hangs takes its
thread with it, not the loop, and no further sample is asked of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

from trialog.agent.calls import Sample
from trialog.agent.diagnostics import Diagnostics
from trialog.agent.probes import Probe
from trialog.agent.threads import DaemonThreads

T = TypeVar("T")
MakeProbe: TypeAlias = "Callable[[], Probe | None]"

#: Seconds after the first sample is due in which it is waited for before it is published.
FIRST_GRACE_S = 0.1


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
        self._put = put
        self._sampling_interval_s = sampling_interval_s
        self._interval_s = interval_s
        self._sums: dict[str, tuple[float, int]] = {}
        self._lanes = [
            Lane("machine", lambda: _machine_probes(directory), diagnostics),
            Lane("gpu", _gpu_probes, diagnostics),
        ]

    async def run(self) -> None:
        """Sample and publish until cancelled."""
        sampling = [asyncio.create_task(self._sample(lane)) for lane in self._lanes]
        try:
            # Rates need a span of time, so the first sample is taken a little after the start.
            await asyncio.sleep(self._first_delay_s() + FIRST_GRACE_S)
            while True:
                self.publish()
                await asyncio.sleep(self._interval_s)
        finally:
            for task in sampling:
                task.cancel()
            await asyncio.gather(*sampling, return_exceptions=True)

    def publish(self) -> None:
        """Put the averages since the last time on the queue."""
        sums, self._sums = self._sums, {}
        if sums:
            self._put(Sample({name: total / count for name, (total, count) in sums.items()}))

    def close(self) -> None:
        """Let the probe threads end."""
        for lane in self._lanes:
            lane.close()

    def _first_delay_s(self) -> float:
        return min(1.0, self._sampling_interval_s)

    async def _sample(self, lane: Lane) -> None:
        await lane.open()
        await asyncio.sleep(self._first_delay_s())
        while True:
            for name, value in (await lane.sample()).items():
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + value, count + 1)
            await asyncio.sleep(self._sampling_interval_s)


class Lane:
    """Probes that share one daemon thread; when one of them hangs, these and no others are silent from then on."""

    def __init__(self, name: str, make: Callable[[], Iterator[MakeProbe]], diagnostics: Diagnostics) -> None:
        self._make = make
        self._diagnostics = diagnostics
        self._thread = DaemonThreads(f"trialog-probes-{name}", 1)
        self._probes: list[Probe] = []

    async def open(self) -> None:
        """Make the probes; those for what is not there are left out."""
        await self._call(self._open)

    async def sample(self) -> dict[str, float]:
        """Return the present values of all probes."""
        return await self._call(self._sample)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.close()

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._thread.submit(work))

    def _open(self) -> None:
        for make in self._make():
            try:
                probe = make()
            except Exception as error:  # noqa: BLE001 - a strange machine costs this probe only; it is noted
                self._diagnostics.note(f"a probe of system statistics is left out: {error!r}")
                continue
            if probe is not None:
                self._probes.append(probe)

    def _sample(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for probe in list(self._probes):
            try:
                values.update(probe())
            except Exception as error:  # noqa: BLE001 - as above
                self._probes.remove(probe)
                self._diagnostics.note(f"a probe of system statistics stopped: {error!r}")
        return values


def _machine_probes(directory: Path) -> Iterator[MakeProbe]:
    from trialog.agent.probes.cpu import make_cpu_probe
    from trialog.agent.probes.disk import make_disk_probe
    from trialog.agent.probes.memory import make_memory_probe
    from trialog.agent.probes.network import make_network_probe

    yield from (make_cpu_probe, make_memory_probe, lambda: make_disk_probe(directory), make_network_probe)


def _gpu_probes() -> Iterator[MakeProbe]:
    from trialog.agent.probes.gpu import make_gpu_probe

    yield make_gpu_probe
