"""Design: without anything to show yet, the way to it."""

import streamlit as st

from app import pages

st.title("Design", anchor=False)
st.markdown(
    "No design is open. The layers of a design, its experts to scale and its cost will be drawn here."
)
st.page_link(pages.page("start"), label="Choose a design", icon=":material/arrow_forward:")
