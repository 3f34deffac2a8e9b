"""The panels of the Layer section, a file each."""
