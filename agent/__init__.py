"""
Everything that runs on the agent thread, and what reads its files.

Internal. Other parts of trialog use only the names below; users import from ``trialog``. ``trialog.agent.sync``
is a second face, apart because it loads aiohttp.
"""

from trialog.agent.agent import Agent
from trialog.agent.calls import Change, Define
from trialog.agent.directory import count_runs, create_run_directory
from trialog.agent.history import StepRules
from trialog.agent.life import FinishReport, RunSpec, State
from trialog.agent.replay import LoggedRun, read_runs
from trialog.agent.summary import SummaryFold

__all__ = [
    "Agent",
    "Change",
    "Define",
    "FinishReport",
    "LoggedRun",
    "RunSpec",
    "State",
    "StepRules",
    "SummaryFold",
    "count_runs",
    "create_run_directory",
    "read_runs",
]
