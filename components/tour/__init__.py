"""A tour of a page in a few steps; a browser that has seen it is not shown it again."""
