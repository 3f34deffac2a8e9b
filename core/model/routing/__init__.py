"""Routers in torch: the pipeline, and one package per axis with one file per value."""
