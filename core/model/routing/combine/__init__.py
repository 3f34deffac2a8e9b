"""Combiners: decisions and experts to one output."""
