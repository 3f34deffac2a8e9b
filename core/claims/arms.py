"""An experiment's arms as designs and plans. Torch-free.

A trial is one arm with one seed. `declared` names what the experiment says about it, so the board finds its
measurement without building anything; `key` names what was really trained, so a preset that has changed since
is measured anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from pydantic import ValidationError

from core.claims.bases import base
from core.claims.errors import ClaimError
from core.cost.count import count
from core.cost.flops import flops
from core.cost.parts import PartCount
from core.cost.rates import Measured
from core.design.bodies.moe import Moe
from core.design.edit import Edit, SetValue
from core.design.edits import apply
from core.design.facts import DataFacts
from core.design.mistakes import fault
from core.design.plan import Plan
from core.design.pointer import PointerError
from core.design.presets.methods import UnknownMethodError, method_edit
from core.design.problems import Problem
from core.design.rules import check
from core.design.spec import Design
from core.papers.base import Arm, Experiment

#: More seeds than an experiment asks for count too, up to here.
MOST_SEEDS = 50
#: Pointers that begin so stand for the body of every MoE layer.
EVERY_MOE = "/moe/"
_PLAN = "plan."
#: What every arm trains with unless the experiment says otherwise: one evaluation, at the end.
COMMON: Mapping[str, object] = {
    "steps": 500,
    "batch": 256,
    "log_every": 50,
    "evaluate_every": 1_000_000,
    "evaluate_examples": 512,
    "checkpoint_every": 1_000,
    "threads": 1,
    "execution": "sparse",
}


@dataclass(frozen=True)
class Trial:
    """One arm with one seed; `parent` is the trial whose trained weights it begins with."""

    experiment: Experiment
    arm: Arm
    seed: int
    parent: Trial | None = None

    @property
    def data(self) -> str:
        """The data set it trains on."""
        return self.arm.data or self.experiment.data

    @cached_property
    def declared(self) -> str:
        """sha256 of all that the experiment says about this trial; titles and claims say nothing."""
        said = {
            "base": self.experiment.base,
            "data": self.data,
            "method": self.arm.method,
            "sets": self.arm.sets,
            "plan": self.experiment.plan,
            "seed": self.seed,
            "parent": self.parent.declared if self.parent else None,
        }
        return _sha(said)


@lru_cache(maxsize=256)
def trials(experiment: Experiment, seeds: int | None = None, arm: str | None = None) -> tuple[Trial, ...]:
    """All trials, all arms of a seed before the next seed, and an arm after the one it starts from.

    With `arm` only that one and those it starts from. Raises ClaimError.
    """
    order = _ordered(experiment, arm)
    found: list[Trial] = []
    for seed in range(experiment.seeds if seeds is None else seeds):
        of_seed: dict[str, Trial] = {}
        for entry in order:
            parent = of_seed[entry.start_from] if entry.start_from else None
            of_seed[entry.name] = Trial(experiment, entry, seed, parent)
        found += of_seed.values()
    return tuple(found)


def design_of(trial: Trial, facts: DataFacts) -> Design:
    """The design of a trial: the base, the method on every MoE layer, then the assignments.

    Raises:
        ClaimError: no such base or method, or an assignment that fits nowhere.
    """
    design = base(trial.experiment.base, facts)
    try:
        if trial.arm.method:
            for pointer in _moes(design):
                design = _edited(design, method_edit(design, pointer, trial.arm.method), trial)
        for target, value in trial.arm.sets.items():
            if target.startswith(_PLAN):
                continue
            places = [target]
            if target.startswith(EVERY_MOE):
                places = [f"{pointer}/body/{target.removeprefix(EVERY_MOE)}" for pointer in _moes(design)]
            for place in places:
                design = _edited(design, SetValue(path=place, value=value), trial)
    except (UnknownMethodError, PointerError) as error:
        raise ClaimError(_where(trial, str(error))) from None
    return design.model_copy(update={"name": f"{trial.experiment.id} {trial.arm.title}"[:80]})


def plan_of(trial: Trial, start_from: str | None = None) -> Plan:
    """The plan of a trial; `start_from` is the run it begins with. Raises ClaimError."""
    document: dict[str, Any] = dict(COMMON)
    document |= {"data": trial.data, "seed": trial.seed, "start_from": start_from}
    values = [*trial.experiment.plan.items()]
    values += [(k.removeprefix(_PLAN), v) for k, v in trial.arm.sets.items() if k.startswith(_PLAN)]
    for name, value in values:
        *holders, last = name.split(".")
        node = document
        for holder in holders:
            node[holder] = dict(node.get(holder) or {})
            node = node[holder]
        node[last] = value
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ClaimError(_where(trial, f"plan.{place} is wrong: {fault(first)}.")) from None


def key_of(trial: Trial, facts: Callable[[str], DataFacts]) -> str:
    """sha256 of design, plan, data and seed as they are trained, and of the trials it begins with.

    `facts` gives those of a data set by its name.
    """
    parent = key_of(trial.parent, facts) if trial.parent else None
    here = facts(trial.data)
    design, plan = design_of(trial, here), plan_of(trial)
    return _sha({"design": design.sha, "plan": plan.sha, "data": here.fingerprint, "parent": parent})


def problems_of(trial: Trial, facts: DataFacts) -> tuple[Problem, ...]:
    """What stands in the way of training a trial, such as a method that is not built yet."""
    found = check(design_of(trial, facts), plan_of(trial), facts, stage="train")
    return tuple(problem for problem in found if problem.severity == "error")


def figures_of(design: Design, rates: Measured | None = None) -> dict[str, float]:
    """What a token costs: parameters, active parameters (rule R1), FLOPs, and FLOPs of experts alone.

    Shared experts and the merging of weights count as experts' FLOPs, the router does not: cut fine, experts
    cost the same and their router more. `rates` of experts that were measured sharpen it where tokens take as
    many experts as they need.
    """
    counts = count(design, rates)
    parts = flops(counts).parts
    moes = set(_moes(design))
    return {
        "parameters": float(counts.total),
        "active_parameters": float(counts.active("R1")),
        "flops": sum(part.forward for part in parts),
        "expert_flops": sum(_expert_flops(part) for part in counts.parts if part.pointer in moes),
    }


def _expert_flops(part: PartCount) -> float:
    router = sum(macs for role, macs in part.macs if role == "router")
    return 2 * part.times * (part.gemm_macs - router + part.token_macs)


def _ordered(experiment: Experiment, only: str | None) -> tuple[Arm, ...]:
    """Arms, each after the one it starts from."""
    by_name = {arm.name: arm for arm in experiment.arms}
    order: dict[str, Arm] = {}

    def add(name: str, of: str, above: tuple[str, ...]) -> None:
        if name in above or name not in by_name:
            raise ClaimError(
                f"{of} of {experiment.id} needs the arm {name[:40]!r}, which"
                f" {'starts from itself' if name in above else 'is not there'}. To fix this, name one of:"
                f" {', '.join(by_name)}."
            )
        if name not in order:
            arm = by_name[name]
            if arm.start_from:
                add(arm.start_from, f"The arm {name}", (*above, name))
            order[name] = arm

    for name in by_name if only is None else (only,):
        add(name, "The command" if only else "A list", ())
    return tuple(order.values())


def _moes(design: Design) -> list[str]:
    return [placed.pointer for placed in design.parts() if isinstance(placed.part.body, Moe)]


def _edited(design: Design, edit: Edit, trial: Trial) -> Design:
    result = apply(design, edit)
    if isinstance(result, Problem):
        raise ClaimError(_where(trial, str(result)))
    return result


def _where(trial: Trial, what: str) -> str:
    return f"The arm {trial.arm.name!r} of {trial.experiment.id} cannot be made: {what}"


def _sha(said: object) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
