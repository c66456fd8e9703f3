"""System statistics: they arrive, and no driver can do harm."""

from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import psutil
import pytest

import trialog
from trialog.agent.probes.cpu import make_cpu_probe
from trialog.agent.probes.memory import make_memory_probe
from trialog.agent.probes.rates import make_rate_probe

FAST = {"disable_stats": False, "stats_sampling_interval": 0.1, "stats_interval": 0.2}


class NVMLError(Exception):
    """As the driver's binding names its errors."""


def stub_driver(**replaced: Any) -> types.ModuleType:
    """Return a binding to a driver of two GPUs, the second without a power sensor."""
    module = types.ModuleType("pynvml")

    def power(gpu: int) -> int:
        if gpu == 1:
            raise NVMLError("not supported")
        return 250_000

    functions: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda gpu: types.SimpleNamespace(gpu=70 + gpu, memory=1),
        "nvmlDeviceGetMemoryInfo": lambda gpu: types.SimpleNamespace(used=2**30, total=2**32),
        "nvmlDeviceGetPowerUsage": power,
        "nvmlDeviceGetTemperature": lambda gpu, sensor: 60 + gpu,
    }
    for name, value in {**functions, **replaced}.items():
        setattr(module, name, value)
    return module


def stats_of(stored: Callable[..., Any], run: trialog.Run) -> list[dict[str, Any]]:
    try:
        return list(stored(run).history(stream="system", pandas=False))
    except trialog.UsageError:
        return []  # the record that names the run is written some milliseconds after init()


def test_statistics_of_process_and_machine_arrive(
    offline: Callable[..., trialog.Run], stored: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    run = offline(FAST)
    wait_until(lambda: len(stats_of(stored, run)) >= 3, "three samples")
    run.finish()
    values = stats_of(stored, run)[-1]
    for name in ("cpu_percent", "process_cpu_percent", "memory_percent", "disk_used_percent"):
        assert 0 <= values[f"system/{name}"] <= 100 * (psutil.cpu_count() or 1), name
    assert values["system/process_memory_mib"] > 5
    assert values["system/network_sent_mib_per_s"] >= 0
    assert values["_timestamp"] == pytest.approx(time.time(), abs=30)
    assert not [key for key in stored(run).summary if key.startswith("system/")]


def test_rows_and_statistics_do_not_mix(
    offline: Callable[..., trialog.Run], stored: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    run = offline(FAST)
    run.log({"loss": 1.0})
    wait_until(lambda: stats_of(stored, run), "a sample")
    run.finish()
    assert [set(row) for row in stored(run).scan_history()] == [{"_step", "_timestamp", "_runtime", "loss"}]
    assert all("loss" not in row for row in stats_of(stored, run))


def test_they_can_be_switched_off(offline: Callable[..., trialog.Run], stored: Callable[..., Any]) -> None:
    run = offline({**FAST, "disable_stats": True})
    time.sleep(0.3)
    run.finish()
    assert stats_of(stored, run) == []


def test_every_gpu_is_read_and_a_missing_sensor_costs_only_itself(
    offline: Callable[..., trialog.Run],
    stored: Callable[..., Any],
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", stub_driver())
    run = offline(FAST)
    wait_until(lambda: stats_of(stored, run), "a sample")
    run.finish()
    values = stats_of(stored, run)[-1]
    gpu = {key: value for key, value in values.items() if key.startswith("system/gpu")}
    assert gpu == {
        "system/gpu0_utilisation_percent": 70.0,
        "system/gpu0_memory_mib": 1024.0,
        "system/gpu0_memory_percent": 25.0,
        "system/gpu0_power_watts": 250.0,
        "system/gpu0_temperature_celsius": 60.0,
        "system/gpu1_utilisation_percent": 71.0,
        "system/gpu1_memory_mib": 1024.0,
        "system/gpu1_memory_percent": 25.0,
        "system/gpu1_temperature_celsius": 61.0,
    }


def no_driver() -> None:
    raise NVMLError("Driver Not Loaded")


def broken() -> None:
    raise RuntimeError("a bug in the binding")


@pytest.mark.parametrize(
    "driver",
    [
        stub_driver(nvmlInit=no_driver),
        stub_driver(nvmlInit=broken),
        stub_driver(nvmlDeviceGetCount=lambda: 0),
        stub_driver(nvmlDeviceGetUtilizationRates=lambda gpu: None),
        types.ModuleType("pynvml"),
        None,
    ],
    ids=["no driver", "broken init", "no GPU", "broken reading", "another pynvml", "no pynvml"],
)
def test_without_a_working_driver_the_rest_is_still_read(
    driver: Any,
    offline: Callable[..., trialog.Run],
    stored: Callable[..., Any],
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    run = offline({**FAST, "silent": False})
    wait_until(lambda: len(stats_of(stored, run)) >= 2, "two samples")
    run.finish()
    values = stats_of(stored, run)[-1]
    assert "system/cpu_percent" in values
    assert not [key for key in values if key.startswith("system/gpu")]
    assert "gpu" not in capsys.readouterr().err.lower()


@pytest.mark.parametrize("where", ["nvmlInit", "nvmlDeviceGetPowerUsage"])
def test_a_driver_that_hangs_stops_neither_logging_nor_finish(
    where: str,
    offline: Callable[..., trialog.Run],
    stored: Callable[..., Any],
    rows: Callable[..., Any],
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released, entered = threading.Event(), threading.Event()

    def hang(*args: Any) -> int:
        entered.set()
        released.wait(60)
        return 0

    monkeypatch.setitem(sys.modules, "pynvml", stub_driver(**{where: hang}))
    try:
        run = offline(FAST)
        assert entered.wait(20)
        for step in range(100):
            run.log({"i": step})
        assert run.summary["i"] == 99
        wait_until(lambda: stored(run).history(stream="system", pandas=False))
        assert "system/memory_percent" in stored(run).history(stream="system", pandas=False)[0]
        begun = time.monotonic()
        run.finish()
        assert time.monotonic() - begun < 5
        assert len(rows(run)) == 100
        assert stored(run).state == "finished"
    finally:
        released.set()


def test_the_process_tree_is_measured() -> None:
    probe = make_cpu_probe()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert probe()["system/process_cpu_percent"] > 20
    assert make_memory_probe()()["system/process_memory_mib"] > 5


def test_rates_of_counters_that_are_set_back_or_vanish() -> None:
    readings: list[dict[str, float] | None] = [{"a": 10.0}, {"a": 4.0}, None, {"a": 9.0}, {"a": 10.0, "b": 1.0}]
    probe = make_rate_probe(lambda: readings.pop(0))
    assert probe() == {"a": 0.0}
    assert probe() == {}
    assert probe() == {}
    assert set(probe()) == {"a"}
