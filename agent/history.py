"""
The step rules: at which step a call of ``log`` lands, and when the step moves on. Pure.

=====================  =============================================================
call                   effect, with ``cur`` the current step
=====================  =============================================================
step > cur             the row at ``cur`` is closed, ``cur`` = step, merge
step == cur            merge into the row at ``cur``
step < cur             written at its own step; ``cur`` stays
no step                merge into the row at ``cur``
=====================  =============================================================

After a merge, ``commit=True``, or no step and ``commit=None``, closes the row: ``cur`` moves on by one.
Parts of one row reach the log as they come; readers merge them by step, the later value winning.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class StepRules:
    """``step`` is the step at which the next ``log`` without a step lands."""

    step: int = 0

    def place(self, step: int | None, commit: bool | None) -> int:
        """Return the step of a call's row and move the state on."""
        if step is not None and step < self.step:
            return step
        if step is not None:
            self.step = step
        at = self.step
        if commit or (commit is None and step is None):
            self.step += 1
        return at
