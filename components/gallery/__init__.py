"""Designs at a glance: a fingerprint of one line a layer, one segment an expert, to scale."""
