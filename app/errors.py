"""The mistake of a user, in words."""

from collections.abc import Sequence

from core.design.problems import Problem


class UserError(Exception):
    """Shown instead of a traceback: what is wrong with the value, why, and "To fix this, ...".

    `problems` are all mistakes one by one, where there are several or they have a place.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)
