"""Examples in context: a token in the middle of its line."""
