"""A random design without errors at stage cost can be costed everywhere."""

import math

from hypothesis import HealthCheck, given, settings

from core.cost.count import RULES, count
from core.cost.estimate import estimate, strip
from core.cost.flops import flops
from core.cost.formats import widths
from core.cost.scenario import Scenario
from core.cost.training import training
from core.design.rules import faults
from core.design.spec import Design
from tests.strategies import any_designs, designs

patient = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@patient
@given(any_designs() | designs())
def test_no_error_at_stage_cost_means_it_is_costed(design: Design) -> None:
    # Edits are not needed here, and finding them takes long.
    if any(problem.severity == "error" for problem in faults(design, stage="cost")):
        return
    counts = count(design)
    r1, r2, r3 = (counts.active(rule) for rule in RULES)
    assert counts.total == sum(w.times * w.weight.size for w in design.weights())
    assert 0 <= r3 <= r2 <= r1 <= counts.total * (1 + 1e-12)
    assert 0 <= flops(counts).forward <= flops(counts).train < math.inf
    assert training(counts, Scenario("train", 2, 4, widths("fp32"), "fp32")).peak.value > 4 * counts.total
    assert len(strip(design)) == 6
    for phase in ("prefill", "train"):
        assert estimate(design, "h100-sxm", phase=phase, batch=3).step.value > 0
