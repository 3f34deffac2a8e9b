"""A trained model taken away: one package per target, each with its parity check."""
