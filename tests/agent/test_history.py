"""The step rules, as a table: what each call of log() does to the current step and where its row lands."""

from __future__ import annotations

import pytest

from trialog.agent import StepRules


@pytest.mark.parametrize(
    ("calls", "landed", "step"),
    [
        ([(None, None)], [0], 1),
        ([(None, None), (None, None)], [0, 1], 2),
        ([(None, False), (None, None)], [0, 0], 1),
        ([(None, False)], [0], 0),
        ([(None, True)], [0], 1),
        ([(10, None), (10, None)], [10, 10], 10),
        ([(10, None), (None, None)], [10, 10], 11),
        ([(10, None), (5, None)], [10, 5], 10),
        ([(10, None), (5, None), (None, None)], [10, 5, 10], 11),
        ([(10, None), (5, True), (None, None)], [10, 5, 10], 11),
        ([(11, True), (11, None)], [11, 11], 12),
        ([(11, True), (None, None)], [11, 12], 13),
        ([(11, False), (None, None)], [11, 11], 12),
        ([(3, None), (7, None), (None, None)], [3, 7, 7], 8),
        ([(-1, None)], [-1], 0),
        ([(0, None), (0, None), (1, None)], [0, 0, 1], 1),
        ([(2**62, None), (None, None)], [2**62, 2**62], 2**62 + 1),
    ],
)
def test_where_rows_land(calls: list[tuple[int | None, bool | None]], landed: list[int], step: int) -> None:
    rules = StepRules()
    assert [rules.place(*call) for call in calls] == landed
    assert rules.step == step
