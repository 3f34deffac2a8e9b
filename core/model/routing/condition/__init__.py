"""Conditions: what a router knows beside the token."""
