"""Weighers: scores of chosen experts to weights."""
