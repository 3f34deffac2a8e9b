"""From a card, a file or a preset to the Design page."""

import streamlit as st

from app import pages, state
from app.composer import shelf
from app.composer.desk import document
from app.composer.pasting import pasted
from components import page
from components.gallery.mount import Chosen
from core.design.problems import Problem
from core.design.proxy.shrink import shrink
from core.design.spec import Design
from storage import drafts
from storage.database import Database


def open_card(db: Database, chosen: Chosen) -> None:
    """The design of a card as a new draft, or its small proxy with a message on what it keeps."""
    design = shelf.design_of(chosen.key)
    if chosen.act == "open":
        open_new(db, design)
    proxy = shrink(design)
    if isinstance(proxy, Problem):
        st.error(page.plain(str(proxy)), icon=":material/error:")
        return
    state.leave_message("  \n".join(map(page.plain, proxy.notes)))
    open_new(db, proxy.design)


def open_text(db: Database, text: str) -> None:
    """The design that a text holds as a new draft, with what to know about it; or why it holds none."""
    found = pasted(text)
    if isinstance(found, str):
        st.error(page.plain(found), icon=":material/error:")
        return
    state.leave_message("\n\n".join(map(page.plain, found.notes)))
    open_new(db, found.design)


def open_new(db: Database, design: Design) -> None:
    """A new draft of a design."""
    open_draft(drafts.create(db, document(design)).id)


def open_draft(draft_id: str) -> None:
    """On to the Design page."""
    state.open_design(draft_id)
    st.switch_page(pages.page("design"))
