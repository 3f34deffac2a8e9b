"""Selectors: scores to chosen experts."""
