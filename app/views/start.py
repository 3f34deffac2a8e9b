"""Start: the ways into a design."""

import streamlit as st

from app import pages

st.title(
    "Draw a Mixture-of-Experts model, see what it costs, train it here, and watch where every token goes.",
    anchor=False,
    width=760,
)
st.subheader("Recent designs", anchor=False)
st.markdown("Your designs will be listed here.")
st.page_link(pages.page("design"), label="Draw a design", icon=":material/edit:")
