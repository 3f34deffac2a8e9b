"""What differs between two designs: `designs.diff`. Matching, then fields, then layers, then the whole."""
