"""
The queue between the user's threads and the agent: a deque and one flag, no lock.

``put`` runs in training code, in signal handlers and in finalisers, so it takes no lock, allocates no
future and wakes the agent at most once per drain: only the put that finds the flag armed wakes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class CallQueue(Generic[T]):
    """Many producers, one consumer."""

    __slots__ = ("_armed", "_items", "_wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._items: deque[T] = deque()
        self._armed = False
        self._wake = wake

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append ``item``; any thread. Two producers may both see the flag: a second wake does no harm."""
        self._items.append(item)
        if self._armed:
            self._armed = False
            self._wake()

    def drain(self, most: int) -> list[T]:
        """Take up to ``most`` items; the consumer only."""
        items = self._items
        return [items.popleft() for _ in range(min(len(items), most))]

    def arm(self) -> bool:
        """
        Ask to be woken by the next put; returns False when an item is already there.

        The flag is set before the look, and a producer appends before it looks at the flag, so one of the
        two always sees the other.
        """
        self._armed = True
        if self._items:
            self._armed = False
            return False
        return True
