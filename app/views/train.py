"""Train: without anything to show yet, the way to it."""

import streamlit as st

from app import pages

st.title("Train", anchor=False)
st.markdown("No design is open. Its loss and its experts will be drawn here while it trains.")
st.page_link(pages.page("start"), label="Choose a design", icon=":material/arrow_forward:")
