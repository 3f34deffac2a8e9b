"""The errors of this package, in words for the user."""


class TrainingError(Exception):
    """Training that cannot go on: what happened, why, and "To fix this, ..."."""


class CheckpointError(TrainingError):
    """A checkpoint that is missing, damaged, or of something else."""
