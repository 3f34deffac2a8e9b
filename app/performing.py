"""What the worker of background jobs and the modules that perform them agree on."""

from collections.abc import Callable
from typing import Any, Protocol

from app.jobs import LocalEngine
from storage.records import JobPublic


class Report(Protocol):
    """Shows how far a job is, and its result as far as it goes. Raises CancelledError when it is to end."""

    def __call__(self, progress: float, message: str, result: dict[str, Any] | None = None) -> None: ...


#: `perform(engine, job, report) -> result`. Errors for the user are UserError, StorageError or DataError.
Perform = Callable[[LocalEngine, JobPublic, Report], dict[str, Any]]


class CancelledError(Exception):
    """The user no longer wants the job, or it was given to another worker."""


class GiveWayError(Exception):
    """A long job lets shorter ones pass: it is queued again, and begins anew where it left its work."""
