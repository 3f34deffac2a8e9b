"""Axis combine: how experts become one output."""
