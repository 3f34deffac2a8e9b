"""Invented measurements for the Papers page: two claims reproduced, one contradicted, one begun."""

from collections.abc import Mapping
from random import Random

from core.claims.arms import Trial, key_of, trials
from core.claims.naming import ALWAYS, asked
from core.data.load import load
from core.papers.base import Experiment
from core.papers.registry import experiment
from storage import measurements
from storage.database import Database

#: Arm -> measure -> its mean; what is not named is 0.5.
X6 = {
    "smear": {"accuracy": 0.91, "expert_flops": 9_800.0},
    "ensemble": {"accuracy": 0.902, "expert_flops": 49_800.0},
    "token": {"accuracy": 0.6},
    "example": {"accuracy": 0.93},
    "random": {"accuracy": 0.39},
}
X1 = {"switch": {"loss": 0.384}, "random": {"loss": 1.37}, "oracle": {"loss": 0.383}}
X9 = {"dynamic": {"experts_per_token/hard": 1.05, "experts_per_token/easy": 1.4}, "top2": {}}


def seed_claims(db: Database) -> None:
    """x1 and x6 reproduced, x9 contradicted, x4 begun, no other run; what stands beside x6 contradicts."""
    _keep(db, "x1", X1, 5)
    _keep(db, "x6", X6, 5)
    _keep(db, "x9", X9, 5)
    _keep(db, "x4", {}, 2)


def seed_all_but_one(db: Database, found: Experiment) -> Trial:
    """All trials of an experiment as if just measured, but the last of its first arm: that one."""
    facts = load(found.data, db.root, paths=False).facts
    last = [trial for trial in trials(found) if trial.arm == found.arms[0]][-1]
    for trial in trials(found):
        if trial == last:
            continue
        measurements.keep(
            db,
            trial.declared,
            key=key_of(trial, lambda name: facts),
            seed=trial.seed,
            run_id=None,
            found=dict.fromkeys((*ALWAYS, *asked(found, trial.arm.name)), 2.0) | {"cv": 0.0},
            figures={},
            environment={"threads": 1},
            seconds=2.5,
        )
    return last


def _keep(db: Database, name: str, means: Mapping[str, Mapping[str, float]], seeds: int) -> None:
    found = experiment(name)
    for trial in trials(found, seeds):
        of_arm = means.get(trial.arm.name, {})
        random = Random(f"{name} {trial.arm.name} {trial.seed}")
        values = {}
        for measure in asked(found, trial.arm.name):
            mean = of_arm.get(measure, 0.5)
            values[measure] = mean if measure == "expert_flops" else mean * (1 + random.uniform(-0.01, 0.01))
        measurements.keep(
            db,
            trial.declared,
            key="k" * 64,
            seed=trial.seed,
            run_id=None,
            found=values,
            figures={},
            environment={"threads": 1},
            seconds=2.5,
        )
