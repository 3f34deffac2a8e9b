"""A page with the equation of every paper and nothing else: `serve(data, script=...)`."""

import streamlit as st

from app.views._papers.one import lines
from core.papers.registry import papers

for entry in papers():
    st.markdown(lines(entry.formula))
