"""The cost strip: what the last edit changed, pinned to the foot of the page."""
