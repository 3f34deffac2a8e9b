"""Routing: where the tokens of a trained run went."""

import streamlit as st

from app import pages
from app.paths import data_root
from app.routed import Routed, read_trace
from app.views import _runs
from app.views._empty import no_run
from app.views._routing import cards, soft
from components import page
from core.cost.format import count
from core.trace.errors import TraceError
from storage import database
from storage.database import Database
from storage.records import RunPublic
from storage.status import RESUMABLE, Status

EMPTY = "No design has been trained. Train one for two minutes to see where its tokens go."


def show(db: Database, run: RunPublic) -> None:
    """The page of one run."""
    top = page.title_row()
    try:
        routed = read_trace(db, run.id)
    except TraceError as error:
        routed = None
        page.problems([("error", str(error), "")])
    with top:
        domain = title(db, run, routed)
    if routed is None or not (routed.layers or routed.soft):
        nothing(run, routed)
    if routed is not None and routed.layers:
        draw(routed, domain)
    if routed is not None and routed.soft:
        draw_soft(routed, domain)
    page.command(f"python -m app routing {run.id} --json")


def title(db: Database, run: RunPublic, routed: Routed | None) -> str:
    """The title row; the domain that is looked at."""
    note = ""
    if routed is not None:
        tokens = count(routed.trace.header.tokens)
        note = f"{tokens} held-out tokens, traced at step {count(routed.trace.header.checkpoint)}"
    page.title(run.name, note, run.status.value)
    domain = cards.ALL
    if routed is not None and len(routed.trace.domains) > 1:
        options = [cards.ALL, *routed.trace.domains]
        domain = choose_domain(options)
    _runs.choose(db, run, "routing.run")
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
    return domain


def choose_domain(options: list[str]) -> str:
    """Segments for a few domains, a select box for many."""
    if len(options) > 7:
        return st.selectbox("Domain", options, label_visibility="collapsed", key="routing.domain", width=180)
    return st.segmented_control(
        "Domain",
        options,
        default=cards.ALL,
        required=True,
        label_visibility="collapsed",
        key="routing.domain",
        width="content",
    )


def nothing(run: RunPublic, routed: Routed | None) -> None:
    """Why there is nothing to draw, and what brings it."""
    if routed is not None:
        st.markdown("This design has no MoE layer, so no token is routed anywhere. Train one with a router.")
    elif not (run.resolved_plan or run.plan).trace_tokens:
        st.markdown("This run has no trace: its plan traces no tokens. Train again with more `trace_tokens`.")
    elif run.status in RESUMABLE:
        st.markdown(
            "This run has no trace: it ended before the held-out set was traced. Resume it, or train again."
        )
    elif run.status is Status.DONE:
        st.markdown("This run has no trace: its file is gone from the data folder. Train again.")
    else:
        st.markdown(
            "This run is still training. Its routing is traced when it ends; Train shows it live until then."
        )
    st.page_link(pages.page("train"), label="Go to Train", icon=":material/play_arrow:")


def draw_soft(routed: Routed, domain: str) -> None:
    """Shares of experts, by layer and by domain, where nothing is selected."""
    left, right = st.columns(2, gap="small")
    with left:
        soft.shares(routed, domain)
    with right:
        soft.domains(routed)


def draw(routed: Routed, domain: str) -> None:
    """Where tokens go, by layer and expert, and one expert closely."""
    left, right = st.columns([1.72, 1], gap="small")
    lower_left, lower_right = st.columns([1, 1.55], gap="small")
    with lower_right, page.card():
        body = st.container()
        with body, st.container(horizontal=True, vertical_alignment="top", gap="small"):
            words = st.container(width="stretch")
            cell = cards.select(routed)
    with left:
        cards.loads(routed, domain, cell)
    with right:
        cards.specialization(routed)
    with lower_left:
        cards.domains(routed, cell)
    with body:
        cards.drill(routed, cell, domain, words)


db = database.open(data_root())
run = _runs.shown(db)
if run is None:
    no_run("Routing", EMPTY)
else:
    show(db, run)
