"""Every paper: one file each beside this one, and a line here."""

from __future__ import annotations

from difflib import get_close_matches

from core.papers import (
    active_ranking,
    aoe,
    debate,
    deepseek_moe,
    defining_expertise,
    edge_moe,
    expert_choice,
    expert_flow,
    expertise_trees,
    gw_moe,
    hash_layer,
    hmoe,
    loss_free,
    m3vit,
    mc_smoe,
    memory_regret,
    moe_infinity,
    moec,
    mote,
    mowst,
    sam,
    scmoe,
    skillnet,
    smear,
    smoe_dropout,
    switch,
    tame,
    task_level,
    temperature,
    thor,
    top_p,
    uoe,
)
from core.papers.base import Experiment, Paper

#: Fifteen ways to route.
ROUTING: tuple[Paper, ...] = (
    smear.PAPER,
    m3vit.PAPER,
    hmoe.PAPER,
    sam.PAPER,
    aoe.PAPER,
    expert_choice.PAPER,
    thor.PAPER,
    top_p.PAPER,
    smoe_dropout.PAPER,
    gw_moe.PAPER,
    moec.PAPER,
    temperature.PAPER,
    deepseek_moe.PAPER,
    skillnet.PAPER,
    task_level.PAPER,
)

#: What can be done with trained models and experts: inference, surgery, serving, theory.
AFTER_TRAINING: tuple[Paper, ...] = (
    mote.PAPER,
    scmoe.PAPER,
    uoe.PAPER,
    mc_smoe.PAPER,
    edge_moe.PAPER,
    expert_flow.PAPER,
    moe_infinity.PAPER,
    tame.PAPER,
    mowst.PAPER,
    debate.PAPER,
    defining_expertise.PAPER,
    active_ranking.PAPER,
    memory_regret.PAPER,
    expertise_trees.PAPER,
)

#: What the methods of the catalogue are compared with, where an experiment tests it.
BASELINES: tuple[Paper, ...] = (switch.PAPER, loss_free.PAPER, hash_layer.PAPER)


class UnknownPaperError(ValueError):
    """No paper or experiment has this name."""


def papers() -> tuple[Paper, ...]:
    """All papers: the catalogue in its order, then the baselines."""
    return (*ROUTING, *AFTER_TRAINING, *BASELINES)


def paper(name: str) -> Paper:
    """The paper of a name, or the one that an experiment's id belongs to. Raises UnknownPaperError."""
    for entry in papers():
        if name == entry.name or name in (experiment.id for experiment in entry.experiments):
            return entry
    raise _unknown("paper", name, [entry.name for entry in papers()])


def experiments() -> tuple[Experiment, ...]:
    """All experiments, by the number in their id."""
    found = (experiment for entry in papers() for experiment in entry.experiments)
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
        f"No {what} is named {name[:60]!r}.{hint} To fix this, pick one of: {', '.join(known)}."
    )
