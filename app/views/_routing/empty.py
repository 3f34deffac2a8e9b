"""Why a section has nothing to draw, and what brings it."""

import streamlit as st

from app import pages
from app.errors import UserError
from app.inference.client import ask
from app.views._routing.shown import Shown
from components import page
from storage import files
from storage.status import ACTIVE, RESUMABLE, Status


def no_trace(shown: Shown) -> None:
    """A run without a trace, or without a layer in it."""
    run = shown.run
    if shown.routed is not None:
        nothing("This design has no MoE layer, so no token is routed anywhere. Train one with a router.")
        return
    if run.status in ACTIVE or run.status is Status.QUEUED:
        nothing(
            "This run is still training. Its routing is traced when it ends; Train shows it live until then."
        )
        return
    if files.newest_checkpoint(files.folder(shown.db.root, "runs", run.id)) is None:
        again = "Resume it, or train again." if run.status in RESUMABLE else "Train again."
        nothing(f"{_why(shown)} {again}")
        return
    more = " Resume it on Train, or trace it as it stands." if run.status in RESUMABLE else ""
    st.markdown(f"{_why(shown)} Its checkpoint is here, so its held-out tokens can be traced.{more}")
    if st.button("Trace the held-out tokens", icon=":material/refresh:", key="routing.retrace"):
        try:
            with st.spinner("Tracing the held-out tokens"):
                ask(shown.db, run.id, "trace", own=True)
        except UserError as error:
            page.problems([("error", str(error), "")])
        else:
            st.rerun()
    page.command(f"python -m app trace {run.id}")


def _why(shown: Shown) -> str:
    run = shown.run
    if shown.unreadable:
        return "Nothing can be shown of a trace that cannot be read."
    if not (run.resolved_plan or run.plan).trace_tokens:
        return "This run has no trace: its plan traces no tokens."
    if run.status is Status.DONE:
        return "This run has no trace: its file is gone from the data folder."
    return "This run has no trace: it ended before the held-out set was traced."


def nothing(words: str) -> None:
    """A sentence, and the way to the page that fills the gap."""
    st.markdown(words)
    st.page_link(pages.page("train"), label="Go to Train", icon=":material/play_arrow:")
