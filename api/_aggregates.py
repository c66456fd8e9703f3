"""
What is known of one metric over a run: count, first, last, min, max, mean; and how a summary shows it.

The agent, the local reader and the server fold the same records with this one module, so a summary is the
same number everywhere. Several values of a metric at one step count once, as the last of them; NaN and
infinity are kept as first and last and never enter min, max or mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: What define_metric(summary=...) accepts, comma separated.
OPS = ("min", "max", "mean", "last", "first", "none")


@dataclass
class Aggregate:
    """
    Running aggregate of one metric.

    ``n``, ``total``, ``low`` and ``high`` cover the finite values of the ``closed`` steps; ``last`` is the
    newest value of any type, at step ``last_step``, and still open: another value at that step replaces it.
    """

    closed: int = 0
    n: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    first: Any = None
    last: Any = None
    last_step: int | None = None

    def add(self, step: int, value: Any) -> None:
        """Fold one value of the metric in."""
        if self.last_step is None:
            self.first = value
        elif step != self.last_step:
            self._close()
        elif self.closed == 0:
            self.first = value
        self.last = value
        self.last_step = step

    def _close(self) -> None:
        if _is_finite(self.last):
            self.merge_closed(1, 1, self.last, self.last, self.last)
        else:
            self.closed += 1

    def merge_closed(self, steps: int, n: int, total: float, low: float, high: float) -> None:
        """Fold in ``steps`` closed steps at once: the count, sum, min and max of their ``n`` finite values."""
        self.closed += steps
        self.n += n
        self.total += total
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def statistic(self, op: str) -> Any:
        """Return min, max, mean, first or last over all steps; None when there is none."""
        if op == "last":
            return self.last
        if op == "first":
            return self.first
        n, total, low, high = self.n, self.total, self.low, self.high
        if _is_finite(self.last):
            value = self.last
            n, total, low, high = n + 1, total + value, min(low, value), max(high, value)
        if n == 0:
            return None
        return {"min": low, "max": high, "mean": total / n}[op]

    def shown(self, ops: Iterable[str] | None) -> Any:
        """
        Return what a summary shows for this metric.

        Without a definition that is the last value; with one, a map from each operation to its value, or
        None (not shown) for ``"none"``.
        """
        if not ops:
            return self.last
        names = list(ops)
        if "none" in names:
            return None
        return {op: self.statistic(op) for op in names if self.statistic(op) is not None} or None


def is_number(value: Any) -> bool:
    """Tell whether ``value`` is a number to aggregate: int or float, and bool as 0 or 1."""
    return isinstance(value, (int, float))


def _is_finite(value: Any) -> bool:
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False  # an integer beyond every float


def flatten(row: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """
    Yield the leaves of a row as dotted names: ``{"a": {"b": 1}}`` gives ``("a.b", 1)``.

    A map that carries ``"_type"`` (a histogram, an image) is a leaf.
    """
    for key, value in row.items():
        if isinstance(value, dict) and "_type" not in value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def ops_for(name: str, definitions: dict[str, list[str]]) -> list[str] | None:
    """
    Return the summary operations defined for metric ``name``, or None.

    An exact definition wins over globs, of which the one with the longest prefix counts; names that begin
    with ``_`` match no glob.
    """
    exact = definitions.get(name)
    if exact is not None:
        return exact
    if name.startswith("_"):
        return None
    globs = [g for g in definitions if g.endswith("*") and name.startswith(g[:-1])]
    return definitions[max(globs, key=len)] if globs else None
