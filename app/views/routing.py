"""Routing: where the tokens of a run went, and what its experts are for."""

import streamlit as st

from app import state
from app.paths import data_root
from app.routed import read_trace
from app.views import _runs
from app.views._empty import no_run
from app.views._routing import asked, choices, links, sections, tour
from app.views._routing.shown import Shown
from components import page
from core.cost.format import count
from core.trace.errors import TraceError
from storage import database
from storage.database import Database
from storage.records import RunPublic

EMPTY = "No design has been trained. Train one for two minutes to see where its tokens go."


def show(db: Database, run: RunPublic) -> None:
    """The page of one run."""
    top = page.title_row()
    told = st.container()
    try:
        shown = Shown(db, run, read_trace(db, run.id))
    except TraceError as error:
        shown = Shown(db, run, None, unreadable=True)
        page.problems([("error", str(error), "")])
    wrong = links.left_out(shown.routed)
    with top:
        title(shown)
    controls = page.title_row()
    with controls:
        section = sections.choose()
        st.space("stretch")
    tour.show(shown, section.title, top)
    asked.warn(db, run.id)
    section.show(shown, controls)
    mark = choices.mark(run.id)
    if wrong:
        state.pin(mark, wrong)
    if kept := state.pinned(mark):
        with told:
            page.small(kept)
    page.command(*section.commands(shown))


def title(shown: Shown) -> None:
    """The title row: which run, and its trace to take away."""
    run, routed = shown.run, shown.routed
    note = ""
    if routed is not None:
        tokens = count(routed.trace.header.tokens)
        note = f"{tokens} held-out tokens, traced at step {count(routed.trace.header.checkpoint)}"
    page.title(run.name, note, run.status.value)
    _runs.choose(shown.db, run, "routing.run")
    if routed is not None:
        st.download_button(
            "Trace",
            routed.path.read_bytes,
            f"{run.id}-trace.npz",
            "application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            key="routing.trace",
            help="The whole trace as NumPy arrays",
        )


db = database.open(data_root())
run = _runs.shown(db)
if run is None:
    no_run("Routing", EMPTY)
else:
    show(db, run)
