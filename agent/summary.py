"""
Folds a run's records into its summary: last values, defined aggregates, and what the user set by hand.

The agent folds as it logs, the local reader folds what it reads; both get the same numbers.
"""

from __future__ import annotations

from typing import Any

from trialog._aggregates import Aggregate, flatten, ops_for


class SummaryFold:
    """State of a summary; one thread at a time."""

    def __init__(self) -> None:
        self._aggregates: dict[str, Aggregate] = {}
        self._explicit: dict[str, Any] = {}
        self._definitions: dict[str, list[str]] = {}
        self._last: dict[str, Any] = {}

    def add_row(self, step: int, row: dict[str, Any], time_s: float, runtime_s: float) -> None:
        """Fold in a row; a value that was set by hand gives way to the logged one."""
        aggregates = self._aggregates
        for key, value in row.items():
            if value.__class__ is dict:
                for name, leaf in flatten({key: value}):
                    self._add(name, step, leaf)
                continue
            aggregate = aggregates.get(key)
            if aggregate is None:
                aggregate = aggregates[key] = Aggregate()
            aggregate.add(step, value)
        if self._explicit:
            for name, _ in flatten(row):
                self._explicit.pop(name, None)
        self._last = {"_step": step, "_timestamp": time_s, "_runtime": runtime_s}

    def _add(self, name: str, step: int, value: Any) -> None:
        self._aggregates.setdefault(name, Aggregate()).add(step, value)

    def set(self, values: dict[str, Any]) -> None:
        """Set values by hand."""
        self._explicit.update(values)

    def delete(self, keys: list[str]) -> None:
        """Forget keys; a later row brings a metric back, its aggregate going on."""
        for key in keys:
            self._explicit[key] = None

    def define(self, name: str, ops: list[str], overwrite: bool = False) -> None:
        """Add the operations to the definition of a metric or glob; retroactive."""
        known = [] if overwrite else self._definitions.get(name, [])
        self._definitions[name] = known + [op for op in ops if op not in known]

    def shown(self) -> dict[str, Any]:
        """Return the summary as a user sees it."""
        out: dict[str, Any] = {}
        for name, aggregate in self._aggregates.items():
            value = aggregate.shown(ops_for(name, self._definitions))
            if value is not None:
                out[name] = value
        hidden = {name for name, ops in self._definitions.items() if "none" in ops}
        out.update({key: value for key, value in self._explicit.items() if key not in hidden})
        out.update(self._last)
        return {key: value for key, value in out.items() if value is not None}
