"""Routing methods of papers as writers of MoE bodies: one file a family."""
