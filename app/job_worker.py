"""The process of a background job: `python -m app.job_worker JOB`.

A new kind of job is one module with `perform` and one line in TASKS.
"""

import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from app.errors import UserError
from app.jobs import LocalEngine
from app.paths import data_root
from app.performing import CancelledError, GiveWayError, Perform
from app.slot import LOG
from app.worker import begin
from core.data.errors import DataError
from storage import jobs
from storage.errors import StorageError
from storage.status import Status
from storage.tables import JobRow

#: Kind of job -> module with `perform`.
TASKS: Mapping[str, str] = {"export": "app.exporting", "claims": "app.measuring"}


def named_task(kind: str) -> Perform:
    """The function that performs jobs of this kind."""
    perform: Perform = import_module(TASKS[kind]).perform
    return perform


def main(job_id: str, engine: LocalEngine, task: Callable[[str], Perform] = named_task) -> int:
    """Do one job if it is its turn; 0 unless the process has to be looked at."""
    begun = begin(engine, JobRow, job_id)
    if begun is None:
        return 0
    _, pulse = begun

    def report(progress: float, message: str, result: dict[str, Any] | None = None) -> None:
        if pulse.wanted() != "run":
            raise CancelledError
        pulse.show(progress=progress, message=message, **({} if result is None else {"result": result}))

    result: dict[str, Any] = {}
    try:
        with pulse:
            job = jobs.get(engine.db, job_id)
            result = task(job.kind)(engine, job, report)
        status, message = Status.DONE, ""
    except CancelledError:
        status, message = Status.STOPPED, ""
    except GiveWayError:
        pulse.give_way()
        status, message = Status.PAUSED, ""
    except (UserError, StorageError, DataError) as error:
        status, message = Status.FAILED, str(error)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        status, message = Status.FAILED, defect(error, job_id)
    pulse.finish(status, message, **({"result": result, "progress": 1.0} if status is Status.DONE else {}))
    engine.reap()
    return 0


def defect(error: Exception, job_id: str) -> str:
    """What the user reads when something broke that we did not foresee."""
    return (
        f"This ended by a defect in the studio ({type(error).__name__}). The run itself is untouched; the "
        f"details are in jobs/{job_id}/{LOG} of the data folder. To go on, start it again."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], LocalEngine(data_root())))
