"""Giving a design away, and taking one from a link."""

import re
from functools import partial

import streamlit as st

from app import state
from app.composer.desk import document
from app.composer.heat import QUANTITIES
from app.designs import argument
from app.drawing import drawing
from app.guard import guarded
from app.links import MOST_CHARACTERS, absolute, address, own_address
from components import page
from core.cost.format import digits
from core.design.link import decode
from core.design.problems import Problem
from storage import drafts
from storage.database import Database


def open_linked(db: Database) -> str:
    """Open the design that the address holds, if it holds one; what is wrong with it, or nothing.

    The same link opened twice leads to the same draft as long as nobody changed it.
    """
    packed = state.take_packed()
    if packed is None:
        return ""
    design = decode(packed)
    if isinstance(design, Problem):
        return str(design)
    draft = drafts.find_or_create(db, document(design))
    state.open_design(draft.id)
    state.leave_message(f"Opened from a link: {page.plain(design.name)}. What you change here stays here.")
    return ""


def share_menu() -> None:
    """The link, the JSON and the file. Filled only when it is opened: packing takes time at each edit."""
    menu = st.popover(
        "Share",
        icon=":material/ios_share:",
        width="content",
        key=f"share:{state.design_id()}",
        on_change="rerun",
    )
    if menu.open:
        with menu:
            _share()


@guarded
def _share() -> None:
    desk = state.desk()
    assert desk.draft is not None
    path = address(desk.design)
    if len(path) <= MOST_CHARACTERS:
        st.caption("The link holds the whole design. It opens a copy in any studio.")
    else:
        st.caption(
            f"This design needs {digits(len(path))} characters in a link, and chats and mail cut links above "
            f"{digits(MOST_CHARACTERS)}. This link opens it in this studio only; send the file elsewhere."
        )
        path = own_address(desk.draft.id)
    # A scrolled container, unlike a scrolled line, holds a button that takes focus: keys reach all of it.
    with st.container(height=100, border=False):
        st.code(absolute(path, st.context.url), language=None, wrap_lines=True)
    text = desk.design.model_dump_json(indent=1, exclude_defaults=True)
    st.caption("As JSON")
    with st.container(height=180, border=False):
        st.code(text, language=None, wrap_lines=True)
    name = re.sub(r"[^a-z0-9]+", "-", desk.design.name.lower()).strip("-") or "design"
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Download design.json",
            text,
            f"{name}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Download drawing.svg",
            # Made when it is asked for. A measured load belongs to the page.
            partial(
                drawing,
                desk.design,
                frozenset(desk.opened),
                heat=desk.heat if desk.heat in QUANTITIES else "",
                width=desk.column,
                dark=st.context.theme.type == "dark",
            ),
            f"{name}.svg",
            "image/svg+xml",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
            help="The drawing with the design inside: the studio opens it again",
        )
    st.caption("The same on the command line")
    page.command(f"python -m app cost {argument(desk.design)[0]}")
