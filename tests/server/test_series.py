from __future__ import annotations

import math

import numpy as np
import pytest

from trialog.server.columns import Column, Values
from trialog.server.series import SeriesQuery, make_series
from trialog.server.smoothing import ema


def column(values: list[object] | np.ndarray, steps: list[int] | None = None, step_us: int = 1_000_000) -> Column:
    n = len(values)
    places = np.arange(n, dtype=np.int64) if steps is None else np.array(steps, np.int64)
    times = np.arange(n, dtype=np.int64) * step_us + 50_000_000
    return Column(
        places,
        times,
        np.full(n, 50_000_000),
        Values.of(np.asarray(values).tolist() if isinstance(values, np.ndarray) else values),
    )


@pytest.mark.parametrize("buckets", [1, 2, 7, 1000, 4000])
@pytest.mark.parametrize("spike", [0, 777_777, 999_999])
def test_a_single_spike_in_a_million_points_is_in_min_or_max_at_any_bucket_count(buckets: int, spike: int) -> None:
    values = np.zeros(1_000_000)
    values[spike] = 1e9
    data = Column(
        np.arange(1_000_000, dtype=np.int64),
        np.zeros(1_000_000, np.int64),
        np.zeros(1_000_000, np.int64),
        Values(values.view(np.int64), np.zeros(1_000_000, np.uint8)),
    )
    series = make_series(data, SeriesQuery(buckets=buckets), 0.0)
    assert len(series.x) <= buckets
    assert series.sampled
    assert series.n == series.count.sum() == 1_000_000
    place = int(np.searchsorted(series.x, spike, "left"))
    assert series.high[place] == 1e9
    assert (series.high == 1e9).sum() == 1


def test_buckets_equal_plain_python_on_random_data() -> None:
    source = np.random.default_rng(7)
    values = source.normal(size=5000)
    values[source.random(5000) < 0.3] = math.nan
    steps = np.sort(source.choice(200_000, 5000, replace=False))
    series = make_series(column(values, steps.tolist()), SeriesQuery(buckets=40), 0.0)
    low, width = steps[0], (steps[-1] - steps[0]) / 40
    expected: dict[int, list[tuple[int, float]]] = {}
    for step, value in zip(steps.tolist(), values.tolist(), strict=True):
        expected.setdefault(min(int((step - low) / width), 39), []).append((step, value))
    assert len(series.x) == len(expected)
    for i, points in enumerate(expected[k] for k in sorted(expected)):
        finite = [(s, v) for s, v in points if math.isfinite(v)]
        assert series.count[i] == len(points)
        assert (series.x[i], series.last[i]) == finite[-1]
        assert (series.low[i], series.high[i]) == (min(v for _, v in finite), max(v for _, v in finite))


def test_few_points_are_sent_one_by_one() -> None:
    series = make_series(column([3.0, 1, True]), SeriesQuery(buckets=3), 0.0).document()
    assert (series["x"], series["last"], series["count"]) == ([0, 1, 2], [3, 1, 1], [1, 1, 1])
    assert (series["n"], series["sampled"], series["smooth"]) == (3, False, None)


def test_nan_and_infinity_are_named_and_never_poison_a_bucket() -> None:
    values = np.arange(10_000.0)
    values[[17, 18, 5000]] = math.nan
    values[17_00] = math.inf
    values[-1] = -math.inf
    series = make_series(column(values), SeriesQuery(buckets=10), 0.0).document()
    assert series["nonfinite"] == [[17.0, "nan"], [1700.0, "inf"], [5000.0, "nan"], [9999.0, "-inf"]]
    assert None not in series["min"] + series["max"] + series["last"]
    assert series["max"][-1] == 9998.0


def test_a_series_of_nothing_but_nan_has_null_buckets() -> None:
    series = make_series(column([math.nan] * 20), SeriesQuery(buckets=4, weight=0.5), 0.0).document()
    assert series["min"] == series["max"] == series["last"] == series["smooth"] == [None] * 4
    assert [kind for _, kind in series["nonfinite"]] == ["nan"] * 4


def test_the_last_write_at_a_step_wins_and_steps_are_sorted() -> None:
    series = make_series(column([1.0, 2.0, 3.0, 4.0], [5, 3, 5, 1]), SeriesQuery(), 0.0)
    assert (series.x.tolist(), series.last.tolist()) == ([1, 3, 5], [4, 2, 3])


def test_texts_and_maps_among_numbers_are_left_out() -> None:
    series = make_series(column([1.0, "x", None, 4, {"_type": "image"}]), SeriesQuery(), 0.0)
    assert (series.n, series.last.tolist()) == (2, [1, 4])


def test_smoothing_sees_all_points_before_the_range_is_cut_and_the_rest_reduced() -> None:
    values = np.random.default_rng(1).normal(size=3000)
    whole = ema(values, 0.95)
    series = make_series(column(values), SeriesQuery(range=(1000, 1999), buckets=50, weight=0.95), 0.0)
    assert series.n == 1000
    assert (series.smooth is not None) and series.smooth.tolist() == whole[series.x.astype(int)].tolist()


@pytest.mark.parametrize(("axis", "expected"), [("relative", [10.0, 11.0, 12.0]), ("time", [50.0, 51.0, 52.0])])
def test_time_axes(axis: str, expected: list[float]) -> None:
    series = make_series(column([1.0, 2.0, 3.0], [2, 1, 0]), SeriesQuery(axis=axis), 40.0)  # type: ignore[arg-type]
    assert (series.x.tolist(), series.last.tolist()) == (expected, [1, 2, 3])


@pytest.mark.parametrize("limits", [(5000.0, 6000.0), (-10.0, -5.0), (7.0, 3.0)])
def test_a_range_without_points_is_empty(limits: tuple[float, float]) -> None:
    series = make_series(column([1.0] * 10), SeriesQuery(range=limits, buckets=4, weight=0.5), 0.0).document()
    assert (series["n"], series["x"], series["min"], series["smooth"]) == (0, [], [], [])


def test_many_points_at_one_x_make_one_bucket() -> None:
    series = make_series(column([1.0, 5.0, 3.0], step_us=0), SeriesQuery(axis="time", buckets=2), 0.0)
    assert (series.count.tolist(), series.low.tolist(), series.high.tolist()) == ([3], [1], [5])
