"""NVIDIA GPUs through NVML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trialog.agent.probes import Probe
from trialog.agent.probes.memory import MIB


def make_gpu_probe() -> Probe | None:
    """Return a sampler of every GPU's utilisation, memory, power and temperature; None without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return None
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    if not handles:
        return None

    def sample() -> dict[str, float]:
        values: dict[str, float] = {}
        for index, handle in enumerate(handles):
            for name, read in _READINGS.items():
                try:
                    values[f"system/gpu{index}_{name}"] = float(read(pynvml, handle))
                except pynvml.NVMLError:
                    # This model does not report this value; the others are still good.
                    continue
        return values

    return sample


_READINGS: dict[str, Callable[[Any, Any], float]] = {
    "utilisation_percent": lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
    "memory_mib": lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used / MIB,
    "memory_percent": lambda nvml, gpu: 100.0 * _used_share(nvml.nvmlDeviceGetMemoryInfo(gpu)),
    "power_watts": lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000.0,
    "temperature_celsius": lambda nvml, gpu: nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
}


def _used_share(memory: Any) -> float:
    return float(memory.used) / float(memory.total) if memory.total else 0.0
