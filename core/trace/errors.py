"""The one error of this package."""


class TraceError(ValueError):
    """A trace that cannot be read or written: what is wrong, why, and "To fix this, ..."."""
