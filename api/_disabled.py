"""What stands in for the agent in disabled mode: answers as an agent would, keeps nothing, starts nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from trialog.agent import Change, Define, FinishReport, StepRules, SummaryFold


class DisabledRecorder:
    """Applies the calls of a disabled run to a step and a summary in memory."""

    def __init__(self) -> None:
        self.rules = StepRules()
        self.summary = SummaryFold()
        self._started_s = time.monotonic()
        self.put: Callable[[Any], None] = self._apply

    def ask(self, answer: Callable[[Any], Any]) -> Any:
        """Return ``answer`` of this object, which has the fields of a journal that are asked for."""
        return answer(self)

    def finish(self, exit_code: int, timeout_s: float) -> FinishReport:
        """Nothing was kept, so nothing is missing."""
        return FinishReport(0, 0, 0, 0, None)

    def abandon(self) -> None:
        """Nothing is shared with a parent process."""

    def _apply(self, call: Any) -> None:
        if isinstance(call, tuple):
            _, row, step, commit = call
            at = self.rules.place(step, commit)
            self.summary.add_row(at, row, time.time(), time.monotonic() - self._started_s)
        elif isinstance(call, Define):
            self.summary.define(call.name, call.ops, call.overwrite)
        elif isinstance(call, Change) and call.target == "summary":
            self.summary.set(call.set)
            self.summary.delete(call.delete)
