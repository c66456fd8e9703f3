"""Refusals: what a handler raises to answer with an error, and why a server could not start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trialog._errors import TrialogError


class StartError(TrialogError):
    """The server could not start; the message says what to do."""


class RefusedError(Exception):
    """
    A request that is answered with an error.

    ``code`` is a word for programs, ``message`` says what happened and what to do; ``extra`` joins the
    error in the body (``{"expected": 7}``).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


def bad_request(code: str, message: str) -> RefusedError:
    """Return a 400: the request cannot mean anything."""
    return RefusedError(400, code, message)


def not_found(what: str) -> RefusedError:
    """Return a 404, also for what exists but is not yours."""
    return RefusedError(404, "not_found", f"there is no such {what} here, or it is not yours to see")


def unavailable(message: str, retry_after_s: int = 2) -> RefusedError:
    """Return a 503: nothing was applied, the same request may succeed later."""
    return RefusedError(503, "unavailable", message, headers={"Retry-After": str(retry_after_s)})
