"""Layers x experts as switches: each expert as it learned, off, on for every token, or favoured."""
