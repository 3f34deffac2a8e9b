"""The mistake of a user, in words."""


class UserError(Exception):
    """Shown instead of a traceback: what is wrong with the value, why, and "To fix this, ..."."""
