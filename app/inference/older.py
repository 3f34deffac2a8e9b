"""Answers of an older checkpoint than the run was trained to: said, never silent. No torch."""

from pathlib import Path

from core.cost.format import count
from storage import files


def damage(folder: Path) -> str:
    """What is said where the newest checkpoint of a run's folder is damaged and an older one answers; else
    nothing."""
    passed = files.passed_over(folder)
    if not passed:
        return ""
    steps = ", ".join(map(count, passed))
    which, damaged = ("checkpoint of step", "is") if len(passed) == 1 else ("checkpoints of steps", "are")
    newest = files.newest_checkpoint(folder)
    assert newest is not None
    return (
        f"The {which} {steps} of {folder.name} {damaged} damaged, so the model of step {count(newest)}"
        " answers what is asked. To fix this, put the files back, or train the run again."
    )
