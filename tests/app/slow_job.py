"""A job worker whose kinds of job show what can happen: `python -m tests.app.slow_job JOB`."""

import sys
import time
from typing import Any

from app import job_worker
from app.errors import UserError
from app.jobs import LocalEngine
from app.paths import data_root
from app.performing import GiveWayError, Perform, Report
from storage import files, jobs
from storage.records import JobPublic
from storage.status import Status

COMMAND = ("-m", "tests.app.slow_job")


def count(engine: LocalEngine, job: JobPublic, report: Report) -> dict[str, Any]:
    for n in range(job.arguments["to"]):
        report(n / job.arguments["to"], f"{n} counted")
        time.sleep(0.01)
    return {"counted": job.arguments["to"], "run": job.run_id}


def get_stuck(engine: LocalEngine, job: JobPublic, report: Report) -> dict[str, Any]:
    """Half a file, then nothing for long: a library that never asks."""
    assert job.run_id is not None
    half = files.export_folder(engine.root, job.run_id, job.id) / ".half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    report(0.5, "stuck")
    time.sleep(600)
    return {}


def refuse(engine: LocalEngine, job: JobPublic, report: Report) -> dict[str, Any]:
    raise UserError("There is nothing to count. To fix this, count something.")


def break_down(engine: LocalEngine, job: JobPublic, report: Report) -> dict[str, Any]:
    raise KeyError("thumb")


def give_way(engine: LocalEngine, job: JobPublic, report: Report) -> dict[str, Any]:
    """At the first turn let others pass, once one waits; at the second be done."""
    report(0.5, "half way", {"half": True})
    while job.attempt == 1:
        if any(other.status is Status.QUEUED for other in jobs.listing(engine.db)):
            raise GiveWayError
        time.sleep(0.01)
    return {"half": job.result["half"], "turns": job.attempt}


KINDS: dict[str, Perform] = {
    "count": count,
    "stick": get_stuck,
    "refuse": refuse,
    "break": break_down,
    "way": give_way,
}

if __name__ == "__main__":
    sys.exit(job_worker.main(sys.argv[1], LocalEngine(data_root(), job_command=COMMAND), KINDS.__getitem__))
