"""The open design and the panels around its drawing."""
