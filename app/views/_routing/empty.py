"""Why a section has nothing to draw, and what brings it."""

import streamlit as st

from app import pages
from app.views._routing.shown import Shown
from storage.status import RESUMABLE, Status


def no_trace(shown: Shown) -> None:
    """A run without a trace, or without a layer in it."""
    run = shown.run
    if shown.routed is not None:
        nothing("This design has no MoE layer, so no token is routed anywhere. Train one with a router.")
    elif not (run.resolved_plan or run.plan).trace_tokens:
        nothing("This run has no trace: its plan traces no tokens. Train again with more `trace_tokens`.")
    elif run.status in RESUMABLE:
        nothing(
            "This run has no trace: it ended before the held-out set was traced. Resume it, or train again."
        )
    elif run.status is Status.DONE:
        nothing("This run has no trace: its file is gone from the data folder. Train again.")
    else:
        nothing(
            "This run is still training. Its routing is traced when it ends; Train shows it live until then."
        )


def nothing(words: str) -> None:
    """A sentence, and the way to the page that fills the gap."""
    st.markdown(words)
    st.page_link(pages.page("train"), label="Go to Train", icon=":material/play_arrow:")
