"""Arrays of a trace -> load, specialization. NumPy; no torch."""
