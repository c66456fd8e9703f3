"""Says which extra to install when a command needs one."""

from __future__ import annotations

import importlib.util

from trialog._errors import UsageError


def require_extra(extra: str, *modules: str) -> None:
    """
    Check that an extra is installed.

    Raises:
        UsageError: one of ``modules`` is missing; the message has the command that installs it.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"this needs {', '.join(missing)}; install it with: pip install 'trialog[{extra}]'")
