"""Experts run by a C program that the machine's own compiler makes: one pass between two products."""
