"""Axis select: which experts a token gets."""
