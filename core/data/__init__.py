"""What a design can be trained on: built-in, generated and uploaded data. NumPy only, no torch."""
