"""What can go wrong with an export, in words."""


class ExportError(Exception):
    """What is wrong, why, and "To fix this, ..."."""
