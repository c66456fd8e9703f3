"""
From points to a drawable series: x axis, range, smoothing, buckets. Pure functions over numpy arrays.

A bucket keeps the lowest, the highest and the last finite value of its points, so a spike is seen at every
width; NaN and infinity are named beside the buckets, at most once per bucket and kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trialog.server.columns import Column, Float64, Int64
from trialog.server.smoothing import ema

Axis = Literal["step", "relative", "time"]
_NONFINITE = (("nan", np.isnan), ("inf", np.isposinf), ("-inf", np.isneginf))


@dataclass(frozen=True)
class SeriesQuery:
    """How a series is to be drawn; ``weight`` is that of the moving average, None for no smoothing."""

    axis: Axis = "step"
    range: tuple[float, float] | None = None
    buckets: int = 1000
    weight: float | None = None


@dataclass
class Series:
    """Buckets of one series; arrays of one length, NaN where a bucket has no finite value."""

    n: int
    sampled: bool
    x: Float64
    last: Float64
    low: Float64
    high: Float64
    count: Int64
    smooth: Float64 | None
    nonfinite: list[tuple[float, str]]

    def document(self) -> dict[str, Any]:
        """Return the series as JSON values."""
        return {
            "n": self.n,
            "sampled": self.sampled,
            "x": self.x.tolist(),
            "last": _nullable(self.last),
            "min": _nullable(self.low),
            "max": _nullable(self.high),
            "count": self.count.tolist(),
            "smooth": None if self.smooth is None else _nullable(self.smooth),
            "nonfinite": [list(mark) for mark in self.nonfinite],
        }


def make_series(column: Column, query: SeriesQuery, started_at: float) -> Series:
    """
    Return the series of a metric's points.

    ``started_at`` is where the relative axis begins, in Unix seconds.
    """
    numeric = column.values.numeric
    column = (column if bool(numeric.all()) else column.take(numeric)).latest()
    values = column.values.numbers()
    smooth = None if query.weight is None else ema(values, query.weight)
    x = _axis(column, query.axis, started_at)
    if query.axis != "step" and len(x) > 1 and not bool((x[1:] >= x[:-1]).all()):
        order = np.argsort(x, kind="stable")
        x, values, smooth = x[order], values[order], None if smooth is None else smooth[order]
    if query.range is not None:
        inside = slice(
            int(np.searchsorted(x, query.range[0], "left")), int(np.searchsorted(x, query.range[1], "right"))
        )
        x, values, smooth = x[inside], values[inside], None if smooth is None else smooth[inside]
    return reduce(x, values, smooth, query)


def reduce(x: Float64, values: Float64, smooth: Float64 | None, query: SeriesQuery) -> Series:
    """Return points that are sorted by ``x`` in at most ``query.buckets`` buckets of equal width."""
    sampled = len(x) > query.buckets
    starts = _bucket_starts(x, query) if sampled else np.arange(len(x))
    ends = np.append(starts[1:], len(x)) if len(starts) else starts
    finite = np.isfinite(values)
    last = _last_finite(finite, starts, ends)
    held = finite[last] if len(last) else np.empty(0, np.bool_)

    def reduced(ufunc: np.ufunc, neutral: float) -> Float64:
        if not len(starts):
            return np.empty(0)
        folded = ufunc.reduceat(np.where(finite, values, neutral), starts)
        return np.where(held, folded, np.nan)

    return Series(
        n=len(x),
        sampled=sampled,
        x=x[last],
        last=np.where(held, values[last], np.nan),
        low=reduced(np.minimum, np.inf),
        high=reduced(np.maximum, -np.inf),
        count=ends - starts,
        smooth=None if smooth is None else smooth[last],
        nonfinite=_marks(x, values, starts, finite),
    )


def _axis(column: Column, axis: Axis, started_at: float) -> Float64:
    if axis == "step":
        return column.steps.astype(np.float64)
    if axis == "time":
        return column.times / 1e6
    return (column.times - round(started_at * 1e6)) / 1e6


def _bucket_starts(x: Float64, query: SeriesQuery) -> NDArray[np.intp]:
    low, high = (x[0], x[-1]) if query.range is None else query.range
    low, high = max(low, x[0]), min(high, x[-1])
    width = (high - low) / query.buckets
    if not width > 0:
        return np.zeros(1, np.intp)
    place = np.minimum((x - low) / width, query.buckets - 1).astype(np.int64)
    return np.flatnonzero(np.append(True, place[1:] != place[:-1]))


def _last_finite(finite: NDArray[np.bool_], starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the place of each bucket's last finite point, or of its last point when none is finite."""
    if not len(starts):
        return starts
    latest = np.maximum.accumulate(np.where(finite, np.arange(len(finite)), -1))
    found = latest[ends - 1]
    return np.where(found >= starts, found, ends - 1)


def _marks(x: Float64, values: Float64, starts: NDArray[np.intp], finite: NDArray[np.bool_]) -> list[tuple[float, str]]:
    if bool(finite.all()):
        return []
    marks: list[tuple[float, str]] = []
    for name, is_kind in _NONFINITE:
        places = np.flatnonzero(is_kind(values))
        bucket = np.searchsorted(starts, places, "right")
        first = places[np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))] if len(places) else places
        marks += [(mark, name) for mark in x[first].tolist()]
    return sorted(marks)


def _nullable(values: Float64) -> list[float | None]:
    found: list[float | None] = values.tolist()
    if bool(np.isfinite(values).all()):
        return found
    return [value if finite else None for value, finite in zip(found, np.isfinite(values).tolist(), strict=True)]
