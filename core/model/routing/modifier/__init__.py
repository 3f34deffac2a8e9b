"""Modifiers: noise and temperature between the token and its scores."""
