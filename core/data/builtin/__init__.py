"""Data that needs no download: found in what is already installed, or generated."""
