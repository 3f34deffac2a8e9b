"""The two halves of the Cost page: processors and boards."""
