"""Charts: pure functions from data to altair charts, and the sentences that are their titles."""
