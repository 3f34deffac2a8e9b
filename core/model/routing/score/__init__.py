"""Scores: tokens to logits."""
