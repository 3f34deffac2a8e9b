"""The errors of this package, in words for the user."""

from __future__ import annotations

import math


class TrainingError(Exception):
    """Training that cannot go on: what happened, why, and "To fix this, ..."."""


class NotFiniteError(ArithmeticError):
    """Loss or gradient is NaN or infinite; nothing was updated. The message names which."""


class CheckpointError(TrainingError):
    """A checkpoint that is missing, damaged, or of something else."""


def spelled(value: float) -> str:
    """NaN or infinite, in words."""
    return "NaN" if math.isnan(value) else "infinite"
