"""The studio: pages, command line, training jobs. The only room that knows all others."""
