import math

import pytest

from core.claims.naming import UnknownMeasureError, asked, parse
from core.claims.results import judge
from core.papers.base import Expect
from tests.core.claims.small import measured, small_experiment

NOISE = [0.01, -0.02, 0.0, 0.02, -0.01]


def judged(shift: float, n: int = 5, **expect: object):
    """Verdict on `even < free` where even is `shift` above free."""
    fields = {"claim": "c", "measure": "loss", "left": "even", "relation": "below", "right": "free"} | expect
    experiment = small_experiment(expects=(Expect.model_validate(fields),))
    free = measured("free", [1.0 + seed for seed in range(n)])
    even = measured(
        "even", [1.0 + seed + shift + noise for seed, noise in zip(range(n), NOISE, strict=False)]
    )
    return judge(experiment, [*free, *even])


@pytest.mark.parametrize(
    ("shift", "verdict"), [(-0.5, "reproduced"), (0.5, "contradicts"), (0.0, "not at this scale")]
)
def test_the_verdict_follows_from_where_the_interval_lies(shift: float, verdict: str) -> None:
    """Seeds differ by 1 and arms by `shift`: only pairing by seed can see it."""
    result = judged(shift)
    assert result.verdict == verdict
    (finding,) = result.findings
    assert finding.difference is not None
    assert finding.difference.mean == pytest.approx(shift)
    assert (result.seeds, result.done, result.wanted, result.seconds) == (5, 10, 10, 15.0)


def test_the_other_direction_is_read_the_other_way_round() -> None:
    assert judged(0.5, relation="above").verdict == "reproduced"
    assert judged(-0.5, relation="above").verdict == "contradicts"


def test_margin_and_factor_move_the_threshold() -> None:
    assert judged(0.02, margin=0.1).verdict == "reproduced"
    assert judged(-0.5, margin=-1.0).verdict == "contradicts"
    # 0.5 * free is 0.5, 1, ...: even is far above it.
    assert judged(0.0, factor=0.5).verdict == "contradicts"


def test_few_seeds_decide_nothing() -> None:
    assert judged(-0.5, n=4).verdict == "not finished"
    assert judge(small_experiment(), []).verdict == "not run"
    only_one_arm = judge(small_experiment(), measured("even", NOISE))
    assert (only_one_arm.verdict, only_one_arm.seeds) == ("not finished", 0)


def test_an_experiment_that_wants_more_seeds_waits_for_them() -> None:
    experiment = small_experiment(seeds=7)
    result = judge(experiment, [*measured("even", [0.0] * 5), *measured("free", [1.0] * 5)])
    assert (result.verdict, result.wanted) == ("not finished", 14)


def test_firm_expectations_decide_and_the_others_stand_beside() -> None:
    up = Expect(claim="up", measure="loss", left="free", relation="above", right="even")
    down = up.model_copy(update={"claim": "down", "relation": "below"})
    both = [*measured("even", [0.0] * 5), *measured("free", [1.0] * 5)]
    soft = small_experiment(expects=(up, down.model_copy(update={"firm": False})))
    result = judge(soft, both)
    assert result.verdict == "reproduced"
    assert [finding.outcome for finding in result.findings] == ["reproduced", "contradicts"]
    assert judge(small_experiment(expects=(up, down)), both).verdict == "contradicts"


def test_a_measure_may_be_compared_with_a_number_or_with_another_measure() -> None:
    alone = Expect(claim="c", measure="cv", left="even", relation="below", margin=0.5)
    experiment = small_experiment(expects=(alone,))
    both = [*measured("even", [0.1] * 5, "cv"), *measured("free", [1.0] * 5)]
    (finding,) = judge(experiment, both).findings
    assert (finding.outcome, finding.right) == ("reproduced", None)
    assert finding.difference is not None
    assert finding.difference.effect is None
    cost = Expect(claim="c", measure="cv", left="even", relation="below", right="free", right_measure="flops")
    assert judge(small_experiment(expects=(cost,)), both).verdict == "reproduced"


def test_a_value_that_is_no_number_is_no_pair() -> None:
    values = [1.0, math.nan, 1.0, 1.0, 1.0]
    result = judge(small_experiment(), [*measured("even", values), *measured("free", [2.0] * 5)])
    assert (result.verdict, result.findings[0].seeds) == ("not finished", 4)


def test_arms_tell_mean_deviation_cost_and_runs() -> None:
    even, free = judged(0.0).arms
    assert free.measures["loss"] == (3.0, pytest.approx(math.sqrt(2.5)))
    assert (free.figures, free.seeds) == ({"flops": 2.0}, (0, 1, 2, 3, 4))
    assert even.runs == tuple(f"run-{seed}" for seed in range(5))


def test_measures_are_found_by_name() -> None:
    assert parse("task_overlap/digit/parity")[1] == "digit/parity"
    assert parse("loss") == (parse("loss/python")[0], "")
    for wrong, words in [("los", "Did you mean 'loss'"), ("cv/2", "no argument"), ("loss_at_k", "needs k")]:
        with pytest.raises(UnknownMeasureError, match=words):
            parse(wrong)
    assert asked(small_experiment(), "free") == ("loss",)
