"""One file per page. Streamlit runs them as scripts; app/pages.py lists them."""
