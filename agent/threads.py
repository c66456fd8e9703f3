"""
Daemon worker threads, and the event loop of the agent that uses them for everything that may block.

The standard thread pool is joined when the interpreter exits, so one write to a dead network disk, or one
look-up in a dead name server, would hang the user's script for ever. These workers are left behind.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThreads(Executor):
    """
    A small pool of daemon threads; with one worker, jobs run in order.

    ``at_once`` are started at once, the others as they are needed. While the interpreter ends, Python 3.12 starts
    no threads any more: then the ones there are do all the jobs.
    """

    def __init__(self, name: str, most: int, at_once: int = 1) -> None:
        self._name = name
        self._most = most
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._unfinished = 0
        self._started = at_once
        for number in range(1, at_once + 1):
            self._start(number)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` on a worker and return its future."""
        future: Future[T] = Future()
        self._jobs.put((future, lambda: fn(*args, **kwargs)))
        with self._lock:
            self._unfinished += 1
            if self._unfinished <= self._started or self._started == self._most:
                return future
            try:
                self._start(self._started + 1)
            except RuntimeError:
                return future
            self._started += 1
        return future

    def close(self) -> None:
        """Let the workers end after the jobs that are waiting; nothing waits for them."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _start(self, number: int) -> None:
        threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            future, call = job
            if future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 - handed to the one who waits for the future
                    future.set_exception(error)
                else:
                    future.set_result(result)
            with self._lock:
                self._unfinished -= 1


class AgentLoop(asyncio.SelectorEventLoop):
    """
    A selector loop whose blocking calls (files, name look-ups) run on daemon threads.

    It is built by name, so the host program's event-loop policy is neither used nor changed.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        # Two from the beginning: a name look-up that hangs never keeps the log waiting.
        self._workers = DaemonThreads(name, 4, at_once=2)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run ``func(*args)`` on a daemon thread, whatever ``executor`` says."""
        return asyncio.wrap_future(self._workers.submit(func, *args), loop=self)

    def close(self) -> None:
        """Close the loop and let its workers end."""
        super().close()
        self._workers.close()
