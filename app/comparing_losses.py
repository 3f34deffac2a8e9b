"""The losses of two runs, and what may be said of them. For the page and for the command line."""

from collections.abc import Mapping
from typing import NamedTuple

from app import record
from app.comparing_runs import Pair, Rows, same_data
from core.cost.format import significant
from core.design.saying import number, plural

#: Two losses that differ by less than this share are as good as equal: another seed moves them further.
LEAST_GAP = 0.005


class Losses(NamedTuple):
    """What loss it is, and its points by the id of the run; none where it was not recorded."""

    name: str
    series: Mapping[str, record.Points]

    @property
    def missing(self) -> tuple[str, ...]:
        """Runs without a point."""
        return tuple(run for run, points in self.series.items() if not points)


def losses(pair: Pair, rows: tuple[Rows, Rows]) -> Losses:
    """Held-out losses, all domains together; those of training where neither run was evaluated."""
    held = {run.id: record.held_out_total(own) for run, own in zip(pair, rows, strict=True)}
    if any(held.values()):
        return Losses("held-out loss", held)
    return Losses("training loss", {run.id: record.total(own) for run, own in zip(pair, rows, strict=True)})


def verdict(pair: Pair, found: Losses) -> str:
    """Where both runs are, the lower one first; that it cannot be said where it cannot."""
    if len(found.missing) == 2:
        return "Neither run has figures"
    if found.missing:
        return f"{found.missing[0]} has no {found.name}"
    if apart := _apart(pair, found.name):
        return f"The losses cannot be compared: the runs {apart}"
    last = {run: points[-1] for run, points in found.series.items()}
    low, high = sorted(last, key=lambda run: last[run][1])
    (steps, least), (others, most) = last[low], last[high]
    if steps != others:
        later = f"{high} at {significant(most)} after {number(others)}"
        return f"{low} is at a {found.name} of {significant(least)} after {plural(steps, 'step')}, {later}"
    if most - least < LEAST_GAP * most:
        return f"Both are at a {found.name} of about {significant(least)}"
    return f"{low} is at a {found.name} of {significant(least)}, {high} at {significant(most)}"


def _apart(pair: Pair, loss: str) -> str:
    """What makes losses of two runs different quantities; empty if nothing does."""
    one, other = pair
    if not same_data(one, other):
        return "were trained on different data"
    if record.read_design(one.design).task != record.read_design(other.design).task:
        return "have different tasks"
    measured = ("evaluate_examples",) if loss == "held-out loss" else ("mixture", "sampling")
    if any(getattr(one.plan, name) != getattr(other.plan, name) for name in ("context", *measured)):
        return "were measured on different examples"
    return ""
