"""The one error of this package."""


class AnalysisError(ValueError):
    """A question that the arrays cannot answer: what is wrong, why, and "To fix this, ..."."""
