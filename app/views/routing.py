"""Routing: without anything to show yet, the way to it."""

import streamlit as st

from app import pages

st.title("Routing", anchor=False)
st.markdown("No run is open. Train a design to see where its tokens go.")
st.page_link(pages.page("train"), label="Train a design", icon=":material/play_arrow:")
