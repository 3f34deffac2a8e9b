"""Reusable parts of the pages: data in, a Streamlit element out. No SQL, no training, no torch."""
