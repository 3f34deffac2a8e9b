"""Families of published models: one file says what its config keys mean, with the defaults of its class."""
