"""Experts as a graph: who works on the same tokens, in groups told by number and hue."""
