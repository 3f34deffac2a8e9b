"""Balancers: losses on decisions, and updates after a step."""
