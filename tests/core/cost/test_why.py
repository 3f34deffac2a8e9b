"""Each figure of a step can be taken apart, and its terms add up."""

import pytest

from core.cost import gpu
from core.cost.count import count
from core.cost.devices import registry
from core.cost.formats import widths
from core.cost.scenario import Parallel, Scenario
from core.cost.why import why
from core.design.presets.registry import preset

COUNTS = count(preset("mixtral-8x7b")).folded()


@pytest.mark.parametrize(("phase", "first"), [("decode", "memory"), ("prefill", "compute")])
def test_terms_add_up_and_say_what_dominates(phase, first):
    on = registry.device("h100-sxm")
    load = Scenario(phase, 8, 2048, widths("bf16"), "bf16", Parallel(tp=2))
    step = gpu.step(COUNTS, load, on)
    found = why(step, on)
    assert sum(each.seconds for each in found) == pytest.approx(step.seconds)
    assert sum(each.share for each in found) == pytest.approx(1)
    for each in found:
        assert sum(term.seconds for term in each.terms) == pytest.approx(each.seconds)
    experts = next(each for each in found if each.name == "experts")
    assert experts.dominates == first
    assert {"experts", "attention", "all-reduce", "host"} <= {each.name for each in found}
    assert "of 3.35\u2009TB/s" in str(experts)
    assert "0.989\u2009PFLOP/s bf16" in str(experts)
