"""The errors of trialog.

::

    TrialogError
    ├── UsageError            a call that cannot mean anything (log before init, a row that is no mapping)
    ├── SettingsError         a setting that is unknown or has a wrong value
    ├── ConfigError           a config value changed without allow_val_change
    ├── CommError             the server could not be reached, or answered with nonsense
    ├── ServerRefusedError    the server understood and said no
    └── CorruptLogError       a write-ahead log that cannot be read at all

Each message says what happened, what was kept safe, and what to do next.
"""

from __future__ import annotations


class TrialogError(Exception):
    """Base class of every error that trialog raises on purpose."""


class UsageError(TrialogError):
    """A call that cannot mean anything; nothing was logged by it."""


class SettingsError(TrialogError):
    """A setting that is unknown, or whose value has the wrong form."""


class ConfigError(TrialogError):
    """A config value was changed without ``allow_val_change=True``."""


class CommError(TrialogError):
    """The server could not be reached, or its answer was not understood."""


class ServerRefusedError(TrialogError):
    """
    The server understood the request and refused it.

    Attributes:
        status: the HTTP status of the answer.
        code: the server's word for the reason, such as ``"not_found"``.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class CorruptLogError(TrialogError):
    """A write-ahead log, or a segment of one, cannot be read at all."""
