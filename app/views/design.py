"""Design: the model as a drawing, what is selected beside it, what it costs below."""

import re
import time

import streamlit as st

from app import state, text
from app.composer.canvas import canvas
from app.composer.desk import Desk
from app.composer.figures import cells, hindrances
from app.composer.inspector import inspector
from app.composer.share import open_linked
from app.composer.title import title_row
from app.guard import guarded
from app.paths import data_root
from app.views._empty import no_design
from components import page
from components.strip.mount import strip
from core.design.rules import errors
from storage import database
from storage.errors import NotFoundError

#: So long the browser is left alone with new figures. What is sent meanwhile would delay them by more:
#: it gathers messages and draws them together (benchmarks/edit_to_cost.py).
FRAME_S = 0.04


def main() -> None:
    """The open design, or the way to one."""
    db = database.open(data_root())
    refused = open_linked(db)
    desk, wanted = state.desk(), state.design_id()
    if wanted is None:
        return no_design("Design", refused or text.DESIGN_EMPTY)
    try:
        desk.open(db, wanted)
    except NotFoundError as error:
        state.open_design(None)
        return no_design("Design", str(error))
    figures(desk)
    problems = hindrances(desk.design)
    title_row(db, problems, len(errors(problems)))
    # In a place of their own: what comes and goes there would move the row, and the browser show it twice.
    with st.container():
        lost(db)
        said(desk, refused)
    row = st.container(horizontal=True, wrap=False, gap="small")
    with row.container(width="stretch"):
        canvas(db, problems)
    with row.container(border=True, width=306, height=desk.height, gap="small", key="inspector"):
        inspector(db)
    return None


def figures(desk: Desk) -> None:
    """The cost strip: first, and new figures get their frame before all else is drawn again."""
    shown = cells(desk.design, desk.before)
    with st.bottom:
        strip(shown, last_edit(), key="strip")
    if desk.figures not in ((), shown):
        time.sleep(FRAME_S)
    desk.figures = shown


def said(desk: Desk, refused: str) -> None:
    """How a design came to be open, until its first edit: the drawing asks for reruns of its own."""
    assert desk.draft is not None
    mark = f"{desk.draft.id} {desk.draft.revision}"
    if notes := page.plain(refused) or state.take_message():
        state.pin(mark, notes)
    if kept := state.pinned(mark):
        st.info(kept, icon=":material/info:")


def lost(db: database.Database) -> None:
    """After a lost race between two tabs: whose version is kept."""
    desk = state.desk()
    if desk.lost is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.warning(text.LOST, icon=":material/warning:", width="stretch")
        st.button("Load the other version", on_click=guarded(desk.take_theirs), args=(db,))
        if st.button("Keep mine as a branch"):
            state.open_design(desk.branch(db).id)
            st.rerun()


def last_edit() -> tuple[str, ...]:
    """Heading and words about the last edit of this session: what, and from which value to which."""
    desk = state.desk()
    if not desk.last:
        return "Cost", "of this design"
    changed = re.fullmatch(r"(.+?) (\S+ → \S+)", desk.last)
    return ("Last edit", *changed.groups()) if changed else ("Last edit", desk.last)


main()
