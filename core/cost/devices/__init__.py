"""Targets, one file each; registry.py lists them."""
