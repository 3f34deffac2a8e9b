"""From stored measurements to a verdict. Torch-free: the board reads this.

A measurement is what one arm gave with one seed. An expectation compares two arms seed by seed; its outcome
follows from where the interval of the differences lies, and the verdict from the firm expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from statistics import fmean, stdev
from typing import Literal

from core.claims.statistics import Estimate, estimate
from core.papers.base import Expect, Experiment

#: Fewer seeds than this decide nothing; an experiment may ask for more.
LEAST_SEEDS = 5

#: What became of one expectation.
Outcome = Literal["reproduced", "not at this scale", "contradicts", "not finished"]
#: What became of an experiment; `not run` where nothing was measured at all.
Verdict = Literal["reproduced", "not at this scale", "contradicts", "not finished", "not run"]


@dataclass(frozen=True)
class Measurement:
    """One arm with one seed: measured values by name, its cost, and where it comes from.

    `key` tells design, plan, data and seed apart; `run` is the id of the run, None where it is gone or there
    was none. `figures` are parameters, active_parameters, flops and expert_flops (each token). `made` is in
    seconds since 1970, `seconds` what training and measuring took.
    """

    arm: str
    seed: int
    key: str
    values: Mapping[str, float]
    figures: Mapping[str, float]
    seconds: float
    made: float
    run: str | None = None
    environment: Mapping[str, object] = field(default_factory=dict)

    def value(self, measure: str) -> float | None:
        """A value or a figure of cost; None where it was not measured or has no value."""
        found = self.values.get(measure, self.figures.get(measure))
        return found if found is not None and isfinite(found) else None


@dataclass(frozen=True)
class Finding:
    """What became of an expectation.

    `left` and `right` are the means of both sides over the paired seeds (`right` times the factor; None where
    the left side is compared with a number). `difference` is left - right with its interval, to be compared
    with `margin`: it has to lie below (or above) the margin as a whole to count as reproduced. `difference`
    is None below two seeds, and has no effect size without a right side.
    """

    expect: Expect
    outcome: Outcome
    seeds: int
    left: float | None
    right: float | None
    difference: Estimate | None
    margin: float


@dataclass(frozen=True)
class ArmResult:
    """One arm: how many seeds are in, and mean and deviation (None below two) of each measure."""

    name: str
    title: str
    seeds: tuple[int, ...]
    figures: Mapping[str, float]
    measures: Mapping[str, tuple[float, float | None]]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """An experiment as far as it was measured. The first finding is the effect that is shown first.

    `done` of `wanted` measurements are in; `seeds` is how many all arms have. `seconds` were spent.
    """

    experiment: Experiment
    verdict: Verdict
    findings: tuple[Finding, ...]
    arms: tuple[ArmResult, ...]
    seeds: int
    done: int
    wanted: int
    seconds: float
    made: float | None
    environment: Mapping[str, object]


def judge(experiment: Experiment, measurements: Iterable[Measurement]) -> Result:
    """The result of an experiment from what was measured, one measurement for each arm and seed."""
    by_arm: dict[str, dict[int, Measurement]] = {arm.name: {} for arm in experiment.arms}
    for found in measurements:
        if found.arm in by_arm:
            by_arm[found.arm][found.seed] = found
    everything = [found for seeds in by_arm.values() for found in seeds.values()]
    newest = max(everything, key=lambda found: found.made, default=None)
    least = max(experiment.seeds, LEAST_SEEDS)
    findings = tuple(_finding(expect, by_arm, least) for expect in experiment.expects)
    shared = set.intersection(*(set(seeds) for seeds in by_arm.values()))
    return Result(
        experiment=experiment,
        verdict=_verdict(findings) if everything else "not run",
        findings=findings,
        arms=tuple(_arm(arm.name, arm.title, by_arm[arm.name]) for arm in experiment.arms),
        seeds=len(shared),
        done=len(everything),
        wanted=len(experiment.arms) * least,
        seconds=sum(found.seconds for found in everything),
        made=newest.made if newest else None,
        environment=newest.environment if newest else {},
    )


def _finding(expect: Expect, by_arm: Mapping[str, Mapping[int, Measurement]], least: int) -> Finding:
    left = _values(by_arm.get(expect.left, {}), expect.measure)
    right = _values(by_arm.get(expect.right, {}), expect.right_measure or expect.measure)
    seeds = sorted(left.keys() & right.keys()) if expect.right else sorted(left)
    ours = [left[seed] for seed in seeds]
    theirs = [expect.factor * right[seed] for seed in seeds] if expect.right else [0.0] * len(seeds)
    found = estimate([a - b for a, b in zip(ours, theirs, strict=True)]) if len(seeds) > 1 else None
    if found is not None and not expect.right:
        # A distance from nought says nothing where the question is on which side of a number a measure lies.
        found = replace(found, effect=None)
    return Finding(
        expect=expect,
        outcome=outcome(found, expect.relation, expect.margin, least),
        seeds=len(seeds),
        left=fmean(ours) if ours else None,
        right=fmean(theirs) if theirs and expect.right else None,
        difference=found,
        margin=expect.margin,
    )


def outcome(
    difference: Estimate | None, relation: Literal["below", "above"], margin: float, least: int = LEAST_SEEDS
) -> Outcome:
    """Where the interval lies: wholly on the expected side of the margin, wholly on the other, or on both."""
    if difference is None or difference.pairs < least:
        return "not finished"
    below, above = difference.high < margin, difference.low > margin
    expected, other = (below, above) if relation == "below" else (above, below)
    return "reproduced" if expected else "contradicts" if other else "not at this scale"


def _verdict(findings: Iterable[Finding]) -> Verdict:
    """One firm expectation against it contradicts; all of them for it reproduce."""
    outcomes = {finding.outcome for finding in findings if finding.expect.firm}
    for worst in ("not finished", "contradicts", "not at this scale"):
        if worst in outcomes:
            return worst
    return "reproduced" if outcomes else "not at this scale"


def _values(measurements: Mapping[int, Measurement], measure: str) -> dict[int, float]:
    values = {seed: found.value(measure) for seed, found in measurements.items()}
    return {seed: value for seed, value in values.items() if value is not None}


def _arm(name: str, title: str, measurements: Mapping[int, Measurement]) -> ArmResult:
    seeds = tuple(sorted(measurements))
    names = dict.fromkeys(measure for seed in seeds for measure in measurements[seed].values)
    measures = {}
    for measure in names:
        values = list(_values(measurements, measure).values())
        if values:
            measures[measure] = (fmean(values), stdev(values) if len(values) > 1 else None)
    newest = max(measurements.values(), key=lambda found: found.made, default=None)
    runs = tuple(found.run for seed in seeds if (found := measurements[seed]).run)
    return ArmResult(name, title, seeds, newest.figures if newest else {}, measures, runs)
