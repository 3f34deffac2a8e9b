"""The statuses of a run or job, and the only moves between them."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a run or a background job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"


class Want(StrEnum):
    """What the user asked of a worker, which reads it while it works."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"
    DELETE = "delete"


Q, R, PG, P, SG = Status.QUEUED, Status.RUNNING, Status.PAUSING, Status.PAUSED, Status.STOPPING
DONE, STOPPED, FAILED, LOST = Status.DONE, Status.STOPPED, Status.FAILED, Status.LOST

# running -> paused is a worker told to end by a signal; pausing -> running a pause taken back in time; done
# from pausing or stopping is a worker that had finished before it read the wish. stopped -> queued because
# a run stopped while no worker held it has no trace yet, and one stopped too early should not be lost.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Q: frozenset({R, P, STOPPED, FAILED}),
    R: frozenset({PG, SG, P, DONE, STOPPED, FAILED, LOST}),
    PG: frozenset({R, SG, P, DONE, STOPPED, FAILED, LOST}),
    SG: frozenset({DONE, STOPPED, FAILED, LOST}),
    P: frozenset({Q, STOPPED}),
    LOST: frozenset({Q, STOPPED}),
    FAILED: frozenset({Q}),
    DONE: frozenset(),
    STOPPED: frozenset({Q}),
}

#: A worker process should be alive.
ACTIVE = frozenset({R, PG, SG})
#: Nothing more will happen by itself.
SETTLED = frozenset({P, DONE, STOPPED, FAILED, LOST})
#: A new worker may continue.
RESUMABLE = frozenset(status for status, after in TRANSITIONS.items() if Q in after)


def sources(to: Status) -> frozenset[Status]:
    """The statuses that may become `to`."""
    return frozenset(status for status, after in TRANSITIONS.items() if to in after)
