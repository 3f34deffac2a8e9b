"""The Train page: what to train, and the run while it trains."""
