"""The queue between threads: nothing is lost, order is kept, and a wake is never missed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import trialog
from trialog.agent.queue import CallQueue


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let the interpreter switch threads a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def test_order_and_limits() -> None:
    queue: CallQueue[int] = CallQueue(lambda: None)
    for number in range(10):
        queue.put(number)
    assert queue.drain(4) == [0, 1, 2, 3]
    assert len(queue) == 6
    assert queue.drain(100) == [4, 5, 6, 7, 8, 9]
    assert queue.drain(100) == []


def test_only_an_armed_queue_wakes_and_only_once() -> None:
    wakes: list[int] = []
    queue: CallQueue[int] = CallQueue(lambda: wakes.append(1))
    queue.put(1)
    assert wakes == []
    assert queue.arm() is False
    queue.drain(1)
    assert queue.arm() is True
    queue.put(2)
    queue.put(3)
    assert len(wakes) == 1
    assert queue.drain(9) == [2, 3]


def test_a_put_beside_an_arm_is_never_missed(frequent_switches: None) -> None:
    """Producers and a consumer that sleeps whenever it could arm: a missed wake would leave it asleep."""
    woken = threading.Semaphore(0)
    queue: CallQueue[tuple[int, int]] = CallQueue(woken.release)
    producers, each = 4, 3000
    taken: list[tuple[int, int]] = []

    def produce(producer: int) -> None:
        for number in range(each):
            queue.put((producer, number))
            if number % 7 == 0:
                time.sleep(0)

    threads = [threading.Thread(target=produce, args=(n,)) for n in range(producers)]
    for thread in threads:
        thread.start()
    while len(taken) < producers * each:
        taken += queue.drain(16)
        if len(taken) < producers * each and queue.arm():
            assert woken.acquire(timeout=10), f"asleep beside {len(queue)} items"
    for thread in threads:
        thread.join()
    for producer in range(producers):
        assert [number for who, number in taken if who == producer] == list(range(each))


def test_many_threads_lose_nothing(
    offline: Callable[..., trialog.Run], rows: Callable[..., Any], frequent_switches: None
) -> None:
    run = offline()
    threads, each = 64, 1000

    def train(number: int) -> None:
        for at in range(each):
            run.log({f"t{number}": at})

    workers = [threading.Thread(target=train, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run.finish()
    stored = rows(run)
    assert sorted(stored) == list(range(threads * each))
    by_thread: dict[str, list[int]] = {}
    for row in stored.values():
        ((name, at),) = row.items()
        by_thread.setdefault(name, []).append(at)
    assert len(by_thread) == threads
    assert all(found == list(range(each)) for found in by_thread.values())


def test_an_idle_run_takes_the_next_row_at_once(offline: Callable[..., trialog.Run]) -> None:
    run = offline()
    run.log({"a": 1})
    assert run.summary["a"] == 1
    time.sleep(0.4)
    begun = time.monotonic()
    run.log({"a": 2})
    assert run.summary["a"] == 2
    assert time.monotonic() - begun < 0.5


def test_no_thread_is_left_behind(offline: Callable[..., trialog.Run], wait_until: Callable[..., Any]) -> None:
    for _ in range(3):
        run = offline({"disable_stats": False})
        run.log({"a": 1})
        run.finish()
    wait_until(
        lambda: not [t.name for t in threading.enumerate() if t.name.startswith("trialog")],
        "the threads of finished runs end",
    )
