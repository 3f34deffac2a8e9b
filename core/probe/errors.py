"""The one error of this package."""


class ProbeError(ValueError):
    """A question that a run cannot answer: what is wrong, why, and "To fix this, ..."."""
