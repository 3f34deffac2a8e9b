"""Runs: without anything to show yet, the way to it."""

import streamlit as st

from app import pages

st.title("Runs", anchor=False)
st.markdown("Your runs will be listed here. Train a design to have the first one.")
st.page_link(pages.page("train"), label="Train a design", icon=":material/play_arrow:")
