"""The axes of a router. One package an axis, one file a value: its spec, its rules, its cost."""
