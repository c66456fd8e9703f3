"""
What one log() of five floats costs the caller, against ``deque.append(dict(d))`` and a bare deque with a
writer thread, all in one process and in turn.

    python benchmarks/bench_log_call.py [--calls 200000] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgpack

import trialog

ROW = {"train/loss": 0.31, "train/accuracy": 0.91, "lr": 0.001, "grad_norm": 1.7, "epoch": 3.0}


def time_calls(call: Callable[[dict[str, float]], Any], calls: int) -> list[int]:
    """Return the nanoseconds of each call."""
    times = [0] * calls
    clock = time.perf_counter_ns
    for index in range(calls):
        begun = clock()
        call(ROW)
        times[index] = clock() - begun
    return times


def bare_deque(calls: int) -> list[int]:
    """The floor: a copy and an append."""
    rows: deque[dict[str, float]] = deque()
    return time_calls(lambda row: rows.append(dict(row)), calls)


def deque_with_thread(calls: int) -> list[int]:
    """The peer: the same, with a thread that packs the rows into a file every 10 ms."""
    rows: deque[dict[str, float]] = deque()
    stop = threading.Event()

    def drain() -> None:
        with tempfile.TemporaryFile() as file:
            while not stop.wait(0.01):
                file.write(b"".join(msgpack.packb(rows.popleft()) for _ in range(len(rows))))

    thread = threading.Thread(target=drain)
    thread.start()
    times = time_calls(lambda row: rows.append(dict(row)), calls)
    stop.set()
    thread.join()
    return times


def trialog_log(calls: int) -> list[int]:
    """The subject: an offline run, statistics on."""
    with (
        tempfile.TemporaryDirectory() as folder,
        trialog.init(project="bench", dir=folder, mode="offline", settings={"silent": True}) as run,
    ):
        return time_calls(run.log, calls)


def main() -> None:
    """Measure in rounds, print a table of medians with their spread, write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    subjects = {"deque.append(dict)": bare_deque, "deque + thread": deque_with_thread, "trialog log()": trialog_log}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
    for _ in range(arguments.rounds):
        for name, measure in subjects.items():
            times = sorted(measure(arguments.calls))
            found[name].append(
                {
                    "median_us": times[len(times) // 2] / 1e3,
                    "p99_us": times[len(times) * 99 // 100] / 1e3,
                    "max_us": times[-1] / 1e3,
                }
            )
    report(found)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"python": platform.python_version(), "calls": arguments.calls, "rounds": found}, file, indent=2)


def report(found: dict[str, list[dict[str, float]]]) -> None:
    """Print medians over the rounds (least to most) and the ratio to the floor."""
    floor = statistics.median(entry["median_us"] for entry in found["deque.append(dict)"])
    print(f"{'':20} {'median us':>20} {'p99 us':>20} {'max us':>24} {'x floor':>8}")
    for name, rounds in found.items():
        cells = []
        for field, width in (("median_us", 20), ("p99_us", 20), ("max_us", 24)):
            values = sorted(entry[field] for entry in rounds)
            cells.append(f"{statistics.median(values):.2f} ({values[0]:.2f}-{values[-1]:.2f})".rjust(width))
        ratio = statistics.median(entry["median_us"] for entry in rounds) / floor
        print(f"{name:20} {' '.join(cells)} {ratio:8.1f}")


if __name__ == "__main__":
    main()
