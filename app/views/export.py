"""Export: without anything to show yet, the way to it."""

import streamlit as st

from app import pages

st.title("Export", anchor=False)
st.markdown("No run is open. A trained run can be taken away from here as a model that runs elsewhere.")
st.page_link(pages.page("train"), label="Train a design", icon=":material/play_arrow:")
