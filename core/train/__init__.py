"""The loop: a design and a plan become weights, metrics and a trace."""
