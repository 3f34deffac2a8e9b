"""The Routing page: where the tokens of a stored trace went."""
