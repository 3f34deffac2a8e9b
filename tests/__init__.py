"""Mirrors the tree; tests/browser drives a real Chromium."""
