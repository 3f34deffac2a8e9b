"""The entry script: `python -m streamlit run app/main.py` from the root of the repository."""

import logging
from pathlib import Path

import streamlit as st

from app import pages, state
from components.page import plain

HERE = Path(__file__).parent


def main() -> None:
    """Draw the header, keep the link, run the chosen page inside one error boundary."""
    page = st.navigation([entry.to_streamlit() for entry in pages.PAGES], position="top")
    st.set_page_config(f"{page.title} · MoE Studio", page_icon=str(HERE / "mark.svg"), layout="wide")
    st.logo(str(HERE / "logo.svg"), size="medium")
    for message in state.keep_link():
        st.warning(plain(message), icon=":material/warning:")
    try:
        page.run()
    except Exception as error:
        show_defect(page.title, error)


def show_defect(title: str, error: Exception) -> None:
    """Our words for a mistake of ours; the trace goes to the log and behind a click."""
    logging.getLogger("moe_studio").error("The page %s stopped", title, exc_info=error)
    st.error(
        f"The page {title} stopped: a defect in the studio, not in your design. Saved designs and runs are "
        "untouched. To go on, open another page or reload this one.",
        icon=":material/error:",
    )
    with st.expander("Details for a report"):
        st.exception(error)


main()
