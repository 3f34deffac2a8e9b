"""Axis condition: what a router may know beside the token."""
