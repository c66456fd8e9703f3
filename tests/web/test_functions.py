"""The page's pure functions, called in the browser as the page's modules import them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.server_process import RunningServer

Call = Callable[..., Any]

SERIES = {
    "run": "a",
    "key": "loss",
    "n": 2,
    "sampled": False,
    "x": [0, 1],
    "last": [5, 4],
    "min": [5, 4],
    "max": [5, 4],
    "count": [1, 1],
    "smooth": None,
    "nonfinite": [],
}


@pytest.fixture(scope="module")
def call(browser: Browser, server: RunningServer) -> Iterator[Call]:
    """Call an exported function of one of the page's modules."""
    page = browser.new_page()
    page.goto(server.base_url)
    modules = str(page.get_attribute("script[type=module]", "src")).rpartition("/")[0]

    def run(module: str, name: str, *arguments: Any) -> Any:
        return page.evaluate(
            "async ([url, name, given]) => (await import(url))[name](...given)",
            [f"{modules}/{module}.js", name, list(arguments)],
        )

    yield run
    page.close()


def test_numbers_are_written_as_people_read_them(call: Call) -> None:
    expected = {
        0: "0",
        0.1: "0.1",
        1.23456789: "1.2346",
        123456: "123,456",
        0.000012345678: "1.2346e-5",
        1.5e12: "1.5e12",
        -0.5: "-0.5",
    }
    assert {number: call("format", "formatNumber", number) for number in expected} == expected
    assert call("format", "formatNumber", {"$float": "nan"}) == "NaN"
    assert call("format", "formatNumber", {"$float": "-inf"}) == "-inf"


def test_ticks_are_short_and_durations_have_two_units(call: Call) -> None:
    ticks = {0: "0", 1500: "1500", 20000: "20k", 2_500_000: "2.5M", 0.0005: "5e-4"}
    assert {value: call("format", "formatTick", value) for value in ticks} == ticks
    durations = {0: "0s", 0.05: "50ms", 8: "8s", 200: "3m 20s", 4800: "1h 20m", 187200: "2d 4h", 3600: "1h"}
    assert {seconds: call("format", "formatDuration", seconds) for seconds in durations} == durations


def test_an_age_is_short_and_reads_well_in_a_sentence(call: Call) -> None:
    ages = {0: "now", 59: "59s", 60: "1m", 7200: "2h", 90000: "1d"}
    assert {seconds: call("format", "formatAge", 0, seconds) for seconds in ages} == ages
    assert call("format", "formatAgo", 0, 2) == "just now"
    assert call("format", "formatAgo", 0, 90) == "1m ago"


def test_a_clock_shows_what_differs_between_ticks(call: Call) -> None:
    noon = datetime(2026, 3, 9, 12, 5, 7).timestamp()
    midnight = datetime(2026, 3, 10).timestamp()
    assert call("axis", "formatClock", noon, 3600) == "12:05"
    assert call("axis", "formatClock", noon, 5) == "12:05:07"
    assert call("axis", "formatClock", noon + 0.25, 0.5) == "12:05:07.250"
    assert call("axis", "formatClock", midnight, 3600) == "03-10"
    assert call("axis", "formatClock", noon, 86400) == "03-09"


def test_ticks_of_a_logarithmic_axis_are_few_and_readable(call: Call) -> None:
    assert call("axis", "logTicks", 0.012, 0.9) == [0.02, 0.05, 0.1, 0.2, 0.5]
    assert call("axis", "logTicks", 0.0019, 11) == [0.01, 0.1, 1, 10]
    assert call("axis", "logTicks", 0.81, 0.97) == [0.85, 0.9, 0.95]
    assert len(call("axis", "logTicks", 1e-12, 1e9)) <= 5


def test_a_logarithmic_axis_leaves_a_margin_at_both_ends(call: Call) -> None:
    low, high = call("plot", "widenLog", 0.01, 1)
    assert 0.005 < low < 0.01
    assert 1 < high < 2
    assert low * high == pytest.approx(0.01)
    assert call("plot", "widenLog", 8, 8) == [4, 16]


def append(call: Call, points: Any, *, most: int = 100, **changed: Any) -> Any:
    return call("chart-data", "appendPoints", [{**SERIES, **changed}], "loss", points, ["a", "b"], most)


def test_live_points_are_put_behind_those_that_are_there(call: Call) -> None:
    grown = append(call, {"a": {"loss": [[2, 0, 3.0], [3, 0, "nan"]], "other": [[2, 0, 1.0]]}})
    assert grown[0]["x"] == [0, 1, 2, 3]
    assert grown[0]["last"] == [5, 4, 3, None]
    assert grown[0]["count"] == [1, 1, 1, 1]
    assert grown[0]["nonfinite"] == [[3, "nan"]]
    assert grown[0]["n"] == 4


def test_a_run_that_is_new_in_a_chart_gets_a_line(call: Call) -> None:
    grown = append(call, {"b": {"loss": [[0, 0, 1.0]]}, "c": {"loss": [[0, 0, 1.0]]}})
    assert [(series["run"], series["n"]) for series in grown] == [("a", 2), ("b", 1)]


def test_points_that_an_answer_already_held_are_not_drawn_twice(call: Call) -> None:
    assert append(call, {"a": {"loss": [[1, 0, 4]]}}) == [SERIES]
    assert append(call, {"a": {"loss": [[1, 0, 4], [2, 0, 3]]}})[0]["x"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("points", "changed"),
    [
        ({"a": None}, {}),
        ({"a": {"loss": [[1, 0, 9.0]]}}, {}),
        ({"a": {"loss": [[0.5, 0, 9.0]]}}, {}),
        ({"a": {"loss": [[2, 0, 9.0], [2, 0, 8.0]]}}, {}),
        ({"a": {"loss": [[2, 0, 3.0]]}}, {"sampled": True}),
        ({"a": {"loss": [[2, 0, 3.0]]}}, {"smooth": [5, 4]}),
        ({"a": {"loss": [[2, 0, 3.0]]}}, {"n": 100}),
    ],
    ids=["too many", "an overwritten step", "an earlier step", "a step twice", "buckets", "smoothed", "full"],
)
def test_what_only_the_server_can_answer_is_asked_for(call: Call, points: Any, changed: Any) -> None:
    assert append(call, points, **changed) is None


def test_runs_are_compared_by_numbers_and_missing_values_come_last(call: Call) -> None:
    runs = [
        {"id": name, "name": name, "created_at": 0, "config": config, "summary": {}}
        for name, config in (("none", {}), ("ten", {"constructor": 10}), ("nine", {"constructor": 9}))
    ]
    assert call("run-order", "valueOf", runs[0], "config:constructor") is None
    assert call("run-order", "parseSort", "-config:lr") == {"by": "config:lr", "descending": True}
    assert call("run-order", "matchesSearch", {**runs[1], "tags": ["best"]}, "BEST te") is True
    assert call("run-order", "matchesSearch", {**runs[1], "tags": ["best"]}, "worst") is False


def test_metrics_are_grouped_by_prefix_with_the_system_last(call: Call) -> None:
    keys = [{"key": key, "kind": "number"} for key in ("system/cpu", "loss", "val/b", "val/a10", "val/a9", "/odd")]
    sections = call("sections", "sectionsOf", [*keys, {"key": "val/text", "kind": "other"}])
    assert [(one["name"], [chart["title"] for chart in one["charts"]]) for one in sections] == [
        ("val", ["a9", "a10", "b"]),
        ("", ["/odd", "loss"]),
        ("system", ["cpu"]),
    ]
