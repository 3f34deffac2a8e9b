"""Axis balance: losses and updates that keep experts in use."""
