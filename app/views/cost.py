"""Cost: without anything to show yet, the way to it."""

import streamlit as st

from app import pages

st.title("Cost", anchor=False)
st.markdown("No design is open. What it costs on a device will be shown here.")
st.page_link(pages.page("start"), label="Choose a design", icon=":material/arrow_forward:")
