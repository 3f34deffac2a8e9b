"""Published architectures, one file a family. Totals are tested to the unit against the released models."""
