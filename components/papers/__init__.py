"""Papers on a page: cards with a filter, and the board of claims."""
