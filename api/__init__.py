"""
An experiment tracker: metrics, config and system statistics of training runs, logged without waiting.

::

    import trialog

    run = trialog.init(project="digits", config={"lr": 1e-3})
    run.log({"loss": 0.3})
    run.summary["best"] = 0.98
    run.finish()

Importing it starts nothing, patches nothing and reads no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trialog._config import Config
from trialog._errors import (
    CommError,
    ConfigError,
    CorruptLogError,
    ServerRefusedError,
    SettingsError,
    TrialogError,
    UsageError,
)
from trialog._reader import Api
from trialog._run import Metric, Run
from trialog._session import current as _current
from trialog._session import finish, init
from trialog._session import require_run as _require_run
from trialog._settings import Settings
from trialog._summary import Summary
from trialog._version import __version__

__all__ = [
    "Api",
    "CommError",
    "Config",
    "ConfigError",
    "CorruptLogError",
    "Metric",
    "Run",
    "ServerRefusedError",
    "Settings",
    "SettingsError",
    "Summary",
    "TrialogError",
    "UsageError",
    "__version__",
    "config",
    "define_metric",
    "finish",
    "init",
    "log",
    "run",
    "summary",
]

#: The active run, or None. Looked up at each access.
run: Run | None
#: The active run's config.
config: Config
#: The active run's summary.
summary: Summary


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """
    Log a row to the active run. See :meth:`Run.log`.

    Raises:
        UsageError: no run is active.
    """
    _require_run("trialog.log()").log(data, step, commit)


def define_metric(name: str, summary: str | None = None, overwrite: bool = False) -> Metric:
    """
    Choose what the active run's summary shows for a metric. See :meth:`Run.define_metric`.

    Raises:
        UsageError: no run is active.
    """
    return _require_run("trialog.define_metric()").define_metric(name, summary, overwrite)


if not TYPE_CHECKING:
    # Unseen by checkers, which would take every misspelt name for one that is looked up here.
    def __getattr__(name: str) -> Any:
        if name == "run":
            return _current()
        if name == "config":
            return _require_run("using trialog.config").config
        if name == "summary":
            return _require_run("using trialog.summary").summary
        raise AttributeError(f"module 'trialog' has no attribute {name!r}")
