"""Results that come with the studio: measured by us, one JSON file for each experiment. Torch-free.

`python -m app papers NAME --record` writes them from what the data folder holds; nobody edits one. The
verdict is not in the file: it follows from the measurements as it does for a user's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.claims.arms import MOST_SEEDS, trials
from core.claims.results import Measurement
from core.design.base import Spec, field
from core.design.files import write_whole
from core.papers.base import Experiment

FOLDER = Path(__file__).parents[1] / "papers" / "measured"


class ShippedTrial(Spec):
    """One arm with one seed. `declared` is the sha of what the experiment said about it then."""

    arm: str
    seed: int = field(ge=0)
    declared: str = field(min_length=64, max_length=64)
    key: str = field(min_length=64, max_length=64)
    values: dict[str, float]
    figures: dict[str, float]
    seconds: float
    made: float


class Shipped(Spec):
    """Everything measured of an experiment, and on what. `environment` is that of a run."""

    experiment: str
    environment: dict[str, Any]
    trials: tuple[ShippedTrial, ...]


def write(experiment: Experiment, measurements: Iterable[Measurement], folder: Path | None = None) -> Path:
    """Write the file of an experiment from its measurements; the path."""
    declared = {(trial.arm.name, trial.seed): trial.declared for trial in trials(experiment, MOST_SEEDS)}
    found = sorted(measurements, key=lambda one: (one.seed, one.arm))
    environment: Mapping[str, object] = found[-1].environment if found else {}
    content = Shipped(
        experiment=experiment.id,
        environment=dict(environment),
        trials=tuple(
            ShippedTrial(
                arm=one.arm,
                seed=one.seed,
                declared=declared[one.arm, one.seed],
                key=one.key,
                values=dict(one.values),
                figures=dict(one.figures),
                seconds=round(one.seconds, 2),
                made=round(one.made),
            )
            for one in found
        ),
    )
    path = (folder or FOLDER) / f"{experiment.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.model_dump_json(indent=1) + "\n")
    return path


def read(experiment: Experiment, folder: Path | None = None) -> tuple[Measurement, ...]:
    """What came with the studio of an experiment, as far as the experiment still says the same."""
    path = (folder or FOLDER) / f"{experiment.id}.json"
    if not path.is_file():
        return ()
    content = _read(path, path.stat().st_mtime_ns)
    seeds = 1 + max((one.seed for one in content.trials), default=0)
    declared = {(trial.arm.name, trial.seed): trial.declared for trial in trials(experiment, seeds)}
    return tuple(
        Measurement(
            arm=one.arm,
            seed=one.seed,
            key=one.key,
            values=one.values,
            figures=one.figures,
            seconds=one.seconds,
            made=one.made,
            environment=content.environment,
        )
        for one in content.trials
        if declared.get((one.arm, one.seed)) == one.declared
    )


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Shipped:
    return Shipped.model_validate_json(path.read_bytes())
