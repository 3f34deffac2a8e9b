"""The dense twin has what a token meets, and no router."""

import pytest

from core.cost.count import count
from core.design.bodies.moe import Moe
from core.design.presets.registry import preset
from core.design.rules import check, errors
from core.design.twin import dense_twin


@pytest.mark.parametrize("name", ["mixtral-8x7b", "deepseek-v3", "starter", "switch-base-8"])
def test_the_twin_has_the_active_parameters_without_the_router(name):
    design = preset(name)
    twin = dense_twin(design)
    assert twin is not None
    assert not errors(check(twin, stage="cost"))
    assert not any(isinstance(placed.part.body, Moe) for placed in twin.parts())
    counts = count(design)
    routers = sum(
        part.times * sum(w.size for w in part.weights if w.role == "router") for part in counts.parts
    )
    assert count(twin).total == pytest.approx(counts.active("R1") - routers, rel=1e-6)


def test_a_design_without_experts_has_no_twin():
    twin = dense_twin(preset("starter"))
    assert twin is not None
    assert dense_twin(twin) is None
