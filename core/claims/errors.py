"""What can go wrong with an experiment, in words for the user."""


class ClaimError(Exception):
    """An experiment that cannot be run as it is declared."""
