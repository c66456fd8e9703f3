"""How long the uploader waits, and what it makes of each answer."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from trialog.agent.answers import Answer, Meaning, meaning_of
from trialog.agent.backoff import CAP_S, FIRST_S, FLOOR_S, RETRY_AFTER_CAP_S, Backoff, parse_retry_after


def test_delays_are_drawn_below_a_bound_that_doubles() -> None:
    for _ in range(200):
        backoff = Backoff()
        for failure in range(12):
            assert FLOOR_S <= backoff.next_delay_s() <= min(CAP_S, FIRST_S * 2**failure)


def test_delays_differ_between_clients_and_grow() -> None:
    late = []
    for _ in range(50):
        backoff = Backoff()
        for _ in range(10):
            backoff.next_delay_s()
        late.append(backoff.next_delay_s())
    assert len(set(late)) == 50
    assert max(late) > 10.0


def test_success_starts_over() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.next_delay_s()
    backoff.succeeded()
    assert backoff.next_delay_s() <= FIRST_S


def test_after_a_million_failures_it_still_waits_at_most_the_cap() -> None:
    backoff = Backoff()
    backoff.failures = 1_000_000
    assert backoff.next_delay_s() <= CAP_S


def test_the_users_random_numbers_are_left_alone() -> None:
    random.seed(1)
    before = random.getstate()
    Backoff().next_delay_s()
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [(5.0, 5.0, 5.5), (0.0, FLOOR_S, FIRST_S), (1e9, RETRY_AFTER_CAP_S, RETRY_AFTER_CAP_S * 1.1)],
)
def test_a_server_is_given_the_time_it_asks_for_within_reason(asked: float, low: float, high: float) -> None:
    for _ in range(50):
        assert low <= Backoff().next_delay_s(asked) <= high


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("1e9", 1e9),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ("\x00\xff", None),
        ("1" * 5000, None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    parsed = parse_retry_after(header)
    if header == "1" * 5000:
        assert parsed in (None, float("inf"))
    else:
        assert parsed == seconds


@pytest.mark.parametrize("zone", [timezone.utc, timezone(timedelta(hours=9))])
def test_retry_after_as_a_date(zone: timezone) -> None:
    when = datetime.now(zone) + timedelta(seconds=90)
    seconds = parse_retry_after(format_datetime(when))
    assert seconds is not None
    assert 85 < seconds < 95


GOOD = {"instance": "x"}


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, {**GOOD, "ack": 11}, Meaning.ACK),
        (200, {**GOOD, "ack": 20}, Meaning.ACK),
        (200, {**GOOD, "ack": 10}, Meaning.UNKNOWN),
        (200, {**GOOD, "ack": 9}, Meaning.UNKNOWN),
        (200, {**GOOD, "ack": 21}, Meaning.UNKNOWN),
        (200, {**GOOD, "ack": "11"}, Meaning.UNKNOWN),
        (200, {**GOOD, "ack": 11.0}, Meaning.UNKNOWN),
        (200, {"ack": 11}, Meaning.UNKNOWN),
        (200, {}, Meaning.UNKNOWN),
        *((status, {}, Meaning.RETRY) for status in (408, 425, 429, 500, 502, 503, 504, 520, 522, 529)),
        (404, {}, Meaning.REWIND),
        (409, {"expected": 1}, Meaning.REWIND),
        (410, {}, Meaning.GONE),
        *((status, {}, Meaning.PAUSE) for status in (301, 302, 307, 400, 401, 403, 405, 413, 422, 426, 501, 505)),
        (204, {}, Meaning.PAUSE),
    ],
)
def test_what_an_answer_means(status: int, body: dict[str, object], meaning: Meaning) -> None:
    assert meaning_of(Answer(status, body), sent_last=20, acked=10) is meaning


def test_true_is_no_acknowledgement_of_record_1() -> None:
    assert meaning_of(Answer(200, {**GOOD, "ack": True}), 20, 0) is Meaning.UNKNOWN


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"code": "x", "message": "what to do"}}, "what to do"),
        ({"error": "text"}, ""),
        ({"error": {}}, ""),
        ({}, ""),
    ],
)
def test_what_a_server_said_is_shown(body: dict[str, object], message: str) -> None:
    assert Answer(500, body).message == message
