"""Designs to start from: our starters, and architectures that the world has published."""
