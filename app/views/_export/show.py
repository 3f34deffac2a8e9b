"""Choosing how a run is exported, and what came of it."""

import time
from typing import Any

import pandas as pd
import streamlit as st

from app import record, state
from app.guard import guarded
from app.jobs import engine
from app.paths import data_root
from app.views._export import report
from components import page
from core.cost.format import ago, count, size
from core.design.rules import check
from core.design.suited import routes_by_task
from storage import database, files, jobs
from storage.database import Database
from storage.errors import StorageError
from storage.records import JobPublic, RunPublic
from storage.status import ACTIVE, Status

_REQUEST = "export"
_ROUTING = "export.routing"
POLL_SECONDS = 1.0
LIVE = ACTIVE | {Status.QUEUED}


def options(db: Database, run: RunPublic) -> bool:
    """The card of the target; whether the run can be exported."""
    design = record.read_design(run.design)
    problems = check(design, stage="export:onnx")
    with page.card():
        page.head("ONNX, portable", "One file that onnxruntime runs on any machine, without the studio.")
        st.toggle(
            "Routing as outputs",
            value=True,
            key=_ROUTING,
            help="Each routed layer's experts and probabilities beside the logits",
        )
        total, active = record.parameters(run.design)
        page.small(
            f"{count(total)} parameters, {count(active)} active; about {size(4 * total)} in 32 bits. "
            "Experts stay sparse: only those a token chose are computed. Batch and length stay free."
        )
        if routes_by_task(design):
            numbers = ", ".join(f"{number} is {name}" for number, name in enumerate(design.task.task_names))
            page.small(f"The file asks for each example's task as well, in its input task_ids: {numbers}.")
        page.problems([(problem.severity, problem.message, problem.fix) for problem in problems])
        kept = files.newest_checkpoint(files.folder(db.root, "runs", run.id))
        if kept is None:
            missing = "This run has no checkpoint, so there are no weights to take away."
            page.problems([("error", missing, "To fix this, let it train a little longer.")])
    return kept is not None and all(problem.severity != "error" for problem in problems)


@guarded
def start(run_id: str, request: str) -> None:
    """Queue the export; the same request twice is one job."""
    # Read here: an argument would be the toggle as it was before the last rerun.
    routing = bool(st.session_state.get(_ROUTING, True))
    try:
        engine().start_job(report.KIND, run_id, {"target": "onnx", "routing": routing}, request)
    except StorageError as error:
        state.leave_message(str(error))
        return
    state.renew_request(_REQUEST)


def request() -> str:
    """The id of the next export."""
    return state.request_id(_REQUEST)


def results(run_id: str) -> None:
    """The newest export, followed while it works, and the earlier ones."""
    found = _exports(database.open(data_root()), run_id)
    live = bool(found) and found[0].status in LIVE
    st.fragment(_results, run_every=POLL_SECONDS if live else None)(run_id, live)


def _exports(db: Database, run_id: str) -> list[JobPublic]:
    return [job for job in jobs.listing(db, run_id) if job.kind == report.KIND]


@guarded
def _results(run_id: str, polled: bool) -> None:
    engine().reap()
    db = database.open(data_root())
    found = _exports(db, run_id)
    if polled and not (found and found[0].status in LIVE):
        st.rerun()
    with page.card():
        if not found:
            page.head(
                "This run has not been exported",
                "Press Export: the file is compared with the run on held-out data before it is kept.",
            )
            return
        _newest(db, found[0])
    if len(found) > 1:
        with st.expander(f"Earlier exports ({len(found) - 1})"):
            for job in found[1:]:
                _earlier(db, job)


def _newest(db: Database, job: JobPublic) -> None:
    if job.status in LIVE:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(width="stretch"):
                page.head("Exporting", "Other pages can be used meanwhile.")
            st.button(
                "Cancel",
                icon=":material/stop:",
                key="export.cancel",
                on_click=guarded(engine().cancel_job),
                args=(job.id,),
            )
        waiting = "Waiting for its process" if job.status is Status.QUEUED else "Starting"
        st.progress(min(1.0, max(0.0, job.progress)), text=page.plain(job.message or waiting))
        return
    parity = job.result.get("parity")
    if job.status is not Status.DONE or not parity:
        page.head("The export ended without a file", "")
        kind = "error" if job.status is Status.FAILED else "warning"
        page.problems([(kind, job.message or "It was cancelled.", "")])
        return
    _parity(parity, job.result.get("notes", []))
    _downloads(db, job)


def _parity(parity: dict[str, Any], notes: list[str]) -> None:
    failed = parity["verdict"] == "FAIL"
    with st.container(horizontal=True, vertical_alignment="top", gap="small", wrap=False):
        with st.container(width="stretch"):
            page.head(
                report.finding(parity),
                "Held-out examples through both. A near tie: within 10⁻⁵, where rounding decides.",
            )
        st.badge(
            "Parity failed" if failed else "Parity",
            icon=":material/error:" if failed else ":material/check:",
            color="red" if failed else "green",
        )
    if parity["layers"]:
        st.dataframe(
            pd.DataFrame(report.rows(parity)),
            hide_index=True,
            row_height=28,
            key="export.parity",
            alt="Routing agreement by layer",
        )
    same = report.agreed(round(parity["agreement"] * parity["answers"]), parity["answers"])
    for note in notes:
        page.problems([("warning", note, "")])
    page.small(f"Same answer in {same} of {count(parity['answers'])} answers, {parity['batches']} batches.")


def _downloads(db: Database, job: JobPublic) -> None:
    kept = report.kept(db, job)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for name, path in kept.items():
            st.download_button(
                f"{name}, {size(path.stat().st_size)}",
                path.read_bytes,
                name,
                "application/octet-stream",
                icon=":material/download:",
                on_click="ignore",
                key=f"export.file.{job.id}.{name}",
            )
        if not kept and job.result.get("files"):
            page.small("Its files are no longer in the data folder. Export again to have them back.")


def _earlier(db: Database, job: JobPublic) -> None:
    parity = job.result.get("parity")
    verdict = parity["verdict"] if parity else job.status.value
    page.small(f"{ago(time.time() - job.created_at)}: {verdict}")
    if parity:
        _downloads(db, job)
