"""The library: designs, their cost, data, models, training, analysis, export. No Streamlit, no SQL."""
