"""The entry script: `python -m streamlit run app/main.py` from the root of the repository."""

from pathlib import Path

import streamlit as st

from app import pages, state
from app.guard import show_defect
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
        show_defect(f"The page {page.title}", error)


main()
