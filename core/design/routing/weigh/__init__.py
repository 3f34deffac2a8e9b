"""Axis weigh: how much each accepted expert counts."""
