"""Axis score: what turns a token into one number for each expert."""
