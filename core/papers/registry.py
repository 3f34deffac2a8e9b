"""Every paper: one file each beside this one, and a line here."""

from __future__ import annotations

from difflib import get_close_matches

from core.papers.base import Experiment, Paper

PAPERS: tuple[Paper, ...] = ()


class UnknownPaperError(ValueError):
    """No paper or experiment has this name."""


def papers() -> tuple[Paper, ...]:
    """All papers, in the order of the catalogue."""
    return PAPERS


def paper(name: str) -> Paper:
    """The paper of a name, or the one that an experiment's id belongs to. Raises UnknownPaperError."""
    for entry in PAPERS:
        if name == entry.name or name in (experiment.id for experiment in entry.experiments):
            return entry
    raise _unknown("paper", name, [entry.name for entry in PAPERS])


def experiments() -> tuple[Experiment, ...]:
    """All experiments, by the number in their id."""
    found = (experiment for entry in PAPERS for experiment in entry.experiments)
    return tuple(sorted(found, key=lambda experiment: int(experiment.id[1:])))


def experiment(identity: str) -> Experiment:
    """The experiment with an id such as `x1`. Raises UnknownPaperError."""
    for entry in experiments():
        if entry.id == identity:
            return entry
    raise _unknown("experiment", identity, [entry.id for entry in experiments()])


def _unknown(what: str, name: str, known: list[str]) -> UnknownPaperError:
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownPaperError(
        f"No {what} is named {name[:60]!r}.{hint} To fix this, pick one of: {', '.join(known) or 'none yet'}."
    )
