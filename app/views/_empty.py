"""Nothing to show yet: what will be here, the click that brings it, the command that does the same."""

import streamlit as st

from app import pages, state, text
from app.composer.desk import document
from app.paths import data_root
from components import page
from core.design.presets.registry import names, preset
from storage import database, drafts


def no_design(title: str, message: str) -> None:
    """No design is open: the starter is one click away, every other start two."""
    _words(title, message)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(page.primary(text.OPEN_STARTER), type="primary", key="empty.starter"):
            draft = drafts.create(database.open(data_root()), document(preset(names()[0])))
            state.open_design(draft.id)
            st.rerun()
        st.page_link(pages.page("start"), label=text.CHOOSE, icon=":material/arrow_forward:")
    page.command("python -m app presets", f"python -m app cost {names()[0]}")


def no_run(title: str, message: str) -> None:
    """Nothing has been trained."""
    _words(title, message)
    if st.button(page.primary(text.TRAIN_ONE), type="primary", key="empty.train"):
        st.switch_page(pages.page("train"))
    page.command(f"python -m app train {names()[0]} --data text")


def _words(title: str, message: str) -> None:
    with page.title_row():
        page.title(title)
    st.markdown(page.plain(message))
