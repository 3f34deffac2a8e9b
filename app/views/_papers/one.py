"""One paper: what it is, its equation, its presets, and its experiments."""

from __future__ import annotations

import streamlit as st

from app import claiming, state
from app.composer import opening, shelf
from app.guard import guarded
from app.views._papers.experiment import experiment
from components import page
from components.gallery.mount import picture
from core.design.presets.methods import METHODS
from core.design.presets.registry import preset
from core.papers.base import Paper
from storage.database import Database

POLL_SECONDS = 1.0
_METHODS = {method.name: method for method in METHODS}


def show(db: Database, paper: Paper) -> None:
    """The page of one paper."""
    with page.title_row():
        page.title(paper.short, f"{paper.title}, {paper.year}", paper.status)
        if address := shelf.link(paper.source):
            st.link_button(paper.source, address, icon=":material/open_in_new:", type="tertiary")
        if st.button("All papers", icon=":material/arrow_back:", key="papers.all"):
            state.open_paper(None)
            st.rerun()
    if message := state.take_message():
        page.problems([("error", message, "")])
    left, right = st.columns([1.7, 1] if paper.presets else [1.7, 0.9], gap="small")
    with left, page.card():
        _idea(paper)
    with right, page.card():
        _use(db, paper)
    if not paper.experiments:
        page.small(
            "Planned: the studio cannot do this yet, so there is no experiment to run."
            if paper.status == "planned"
            else "No experiment tests this paper."
        )
        page.command(f"python -m app papers {paper.name}")
        return
    live = any(row.activity for row in claiming.rows_of(paper, db))
    st.fragment(_experiments, run_every=POLL_SECONDS if live else None)(db, paper, live)
    page.command(*(row.command for row in claiming.rows_of(paper, db)))


def _idea(paper: Paper) -> None:
    page.head(paper.claim, "What the paper claims")
    st.markdown(page.plain(paper.summary))
    if paper.formula:
        st.markdown(lines(paper.formula))
    if paper.note:
        page.problems([("warning", paper.note, "")])


def lines(formula: str) -> str:
    r"""The parts of a formula, which stand apart by `\qquad`, each on a line that wraps where it must."""
    parts = (part.strip().removesuffix(",") for part in formula.split(r"\qquad"))
    return "\n\n".join(rf"$\displaystyle {part}$" for part in parts)


def _use(db: Database, paper: Paper) -> None:
    for what, said in (("Good for", paper.good_for), ("What it costs", paper.cost)):
        page.head(what)
        st.markdown(page.plain(said))
    for name in paper.presets:
        _preset(db, name)


def _preset(db: Database, name: str) -> None:
    """A preset as a picture and a button."""
    method = _METHODS.get(name)
    design = shelf.design_of(f"method/{name}" if method else f"preset/{name}")
    title = method.title if method else preset(name).name
    picture(design, f"{design.name}: {shelf.note(design)}", key=f"papers.print.{name}", height=64)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch"):
            page.small(f"{design.name}: {shelf.note(design)}")
        if st.button(f"Open {title} in Design", icon=":material/arrow_forward:", key=f"papers.open.{name}"):
            opening.open_new(db, design)


@guarded
def _experiments(db: Database, paper: Paper, polled: bool) -> None:
    rows = claiming.rows_of(paper, db)
    if polled != any(row.activity for row in rows):
        # A whole rerun makes a fragment that polls, or one that no longer does.
        st.rerun()
    for row in rows:
        experiment(row)
