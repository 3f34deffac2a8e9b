"""Kinds of expert: what stands in a bank, in a dense FFN, or beside the router as shared. One file a kind."""
