from functools import cache
from pathlib import Path

import pytest

from core.claims.arms import design_of, figures_of, key_of, plan_of, problems_of, trials
from core.claims.bases import BASES, base
from core.claims.errors import ClaimError
from core.claims.naming import asked, parse
from core.data.load import load
from core.design.bodies.moe import Moe
from core.design.facts import DataFacts
from core.design.rules import check
from core.papers.base import Arm, Experiment
from core.papers.registry import experiments
from tests.core.claims.small import small_experiment


@cache
def facts(name: str) -> DataFacts:
    return load(name, Path("nowhere"), paths=False).facts


@pytest.mark.parametrize("name", BASES)
def test_a_base_can_be_trained_on_data_it_is_matched_to(name: str) -> None:
    for data in ("table:wine", "digits"):
        assert [p for p in check(base(name, facts(data)), data=facts(data)) if p.severity == "error"] == []


def test_an_unknown_base_names_the_nearest() -> None:
    with pytest.raises(ClaimError, match="Did you mean 'starter'"):
        base("startr", facts("table:wine"))


@pytest.mark.parametrize("experiment", experiments(), ids=lambda experiment: experiment.id)
def test_every_arm_of_every_experiment_is_a_design_and_every_measure_is_known(experiment: Experiment) -> None:
    for trial in trials(experiment, 1):
        for measure in asked(experiment, trial.arm.name):
            parse(measure)
        design, plan = design_of(trial, facts(trial.data)), plan_of(trial)
        found = check(design, plan, facts(trial.data), stage="train")
        assert [str(p) for p in found if p.severity == "error" and p.code != "not-built"] == []
        assert figures_of(design)["active_parameters"] > 0
    sides = {side for expect in experiment.expects for side in (expect.left, expect.right)}
    assert sides - {""} <= {arm.name for arm in experiment.arms}


def test_method_and_assignments_reach_every_moe_layer() -> None:
    arm = Arm(name="a", title="A", method="switch", sets={"/moe/experts": [{"kind": "glu", "hidden": 5}]})
    experiment = small_experiment(base="tabular", arms=(arm,), plan={"steps": 3, "optimizer.rate": 0.5})
    (trial,) = trials(experiment, 1)
    design = design_of(trial, facts("table:wine"))
    bodies = [place.body for place in design.occurrences() if isinstance(place.body, Moe)]
    assert [(body.count, body.experts[0].inner) for body in bodies] == [(1, 5), (1, 5)]
    assert design.name == "x900 A"
    plan = plan_of(trial)
    assert (plan.steps, plan.optimizer.rate, plan.optimizer.clip, plan.threads) == (3, 0.5, 1.0, 1)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ({"/moe/nothing": 1}, "cannot be made"),
        ({"plan.steps": "many"}, "plan.steps is wrong"),
        ({"/moe/router/select": {"kind": "top_k", "k": "two"}}, "cannot be made"),
    ],
)
def test_an_assignment_that_fits_nowhere_is_told(sets: dict[str, object], words: str) -> None:
    experiment = small_experiment(arms=(Arm(name="a", title="A", sets=sets),))
    (trial,) = trials(experiment, 1)
    with pytest.raises(ClaimError, match=words):
        (design_of(trial, facts("table:wine")), plan_of(trial))


def test_seeds_come_one_after_the_other_and_parents_first() -> None:
    arms = (Arm(name="child", title="C", start_from="first"), Arm(name="first", title="F"))
    found = trials(small_experiment(arms=arms), 2)
    assert [(trial.seed, trial.arm.name) for trial in found] == [
        (0, "first"),
        (0, "child"),
        (1, "first"),
        (1, "child"),
    ]
    assert found[1].parent == found[0]
    assert [trial.arm.name for trial in trials(small_experiment(arms=arms), 1, "first")] == ["first"]


@pytest.mark.parametrize("start_from", ["a", "nobody"])
def test_an_arm_that_cannot_begin_is_told(start_from: str) -> None:
    experiment = small_experiment(arms=(Arm(name="a", title="A", start_from=start_from),))
    with pytest.raises(ClaimError, match=r"starts from itself|not there"):
        trials(experiment)


def test_what_is_declared_and_what_is_trained_have_each_a_name_of_their_own() -> None:
    plain, titled = small_experiment(), small_experiment(title="Other", caveat="Other.")
    assert [t.declared for t in trials(plain)] == [t.declared for t in trials(titled)]
    longer = small_experiment(plan={"steps": 11})
    declared = [trial.declared for e in (plain, longer) for trial in trials(e)]
    assert len(set(declared)) == len(declared)
    keys = [key_of(trial, facts) for e in (plain, longer) for trial in trials(e, 2)]
    assert len(set(keys)) == len(keys)
    assert keys[0] == key_of(trials(titled)[0], facts)


def test_a_child_is_another_when_its_parent_is() -> None:
    def child(**first: object):
        arms = (Arm(name="first", title="F", **first), Arm(name="child", title="C", start_from="first"))
        return trials(small_experiment(arms=arms), 1)[1]

    one, other = child(), child(method="switch", sets={"/moe/router/capacity": None})
    assert one.declared != other.declared
    assert key_of(one, facts) != key_of(other, facts)


def test_what_stands_in_the_way_is_known_before_anything_trains() -> None:
    arm = Arm(name="a", title="A", method="switch", sets={"/moe/router/weigh": {"kind": "renormalised"}})
    (trial,) = trials(small_experiment(arms=(arm,)), 1)
    assert problems_of(trial, facts("table:wine"))
    assert problems_of(trials(small_experiment(), 1)[0], facts("table:wine")) == ()


def test_measured_rates_sharpen_the_cost() -> None:
    design = design_of(trials(small_experiment(), 1)[0], facts("table:wine"))
    expected, half = figures_of(design), figures_of(design, {"encoder.0.0": [1 / 16] * 8})
    assert half["parameters"] == expected["parameters"]
    assert half["active_parameters"] < expected["active_parameters"]
    assert half["flops"] - half["expert_flops"] == expected["flops"] - expected["expert_flops"]


def test_experts_cut_fine_cost_the_same_and_their_router_more() -> None:
    def cost(count: int, hidden: int, k: int) -> dict[str, float]:
        bank = {
            "/moe/experts": [{"kind": "glu", "hidden": hidden, "count": count}],
            "/moe/router/select/k": k,
        }
        arm = Arm(name="a", title="A", method="top-k", sets=bank)
        (trial,) = trials(small_experiment(arms=(arm,)), 1)
        return figures_of(design_of(trial, facts("table:wine")))

    coarse, fine = cost(8, 32, 2), cost(32, 8, 8)
    assert coarse["expert_flops"] == fine["expert_flops"] == 2 * 2 * 3 * 32 * 32
    assert fine["flops"] - coarse["flops"] == 2 * 32 * (32 - 8)
