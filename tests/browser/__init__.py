"""Tests and pictures made with a real Chromium against a real server."""
