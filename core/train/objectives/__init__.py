"""Objectives: how a batch becomes one gradient, one file per kind."""
