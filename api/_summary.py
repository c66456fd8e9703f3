"""A run's summary: one value per metric, following the log, and what the user sets by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from trialog._values import plain

#: Receives what was set and what was deleted.
OnChange = Callable[[dict[str, Any], list[str]], None]


class Summary(MutableMapping[str, Any]):
    """
    Mapping of the run's summary; ``summary.best`` and ``summary["best"]`` are the same.

    Reading waits (at most a few seconds, normally under ten milliseconds) until every earlier ``log`` of this
    process is counted; writing does not wait. A value set by hand gives way to a later ``log`` of that name.
    """

    _read: Callable[[], dict[str, Any]]
    _on_change: OnChange

    def __init__(self, read: Callable[[], dict[str, Any]], on_change: OnChange) -> None:
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "_on_change", on_change)

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __setitem__(self, key: str, value: Any) -> None:
        self._on_change({str(key): plain(value)}, [])

    def __delitem__(self, key: str) -> None:
        if key not in self._read():
            raise KeyError(key)
        self._on_change({}, [key])

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, also one sent to another process, is a plain dict: it belongs to no run.
        return dict, (dict(self),)

    def __repr__(self) -> str:
        return f"Summary({self._read()!r})"

    def update(self, *args: Any, **values: Any) -> None:
        """Set several values at once."""
        fresh: Mapping[str, Any] = dict(*args, **values)
        self._on_change({str(key): plain(value) for key, value in fresh.items()}, [])
