"""Routing methods: complete, honest about causal stacks, one step, and never a broken design."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.design.bodies.moe import Moe
from core.design.edits import apply
from core.design.pointer import PointerError
from core.design.presets.methods import METHODS, UnknownMethodError, method, method_edit, methods
from core.design.presets.registry import preset
from core.design.routing.balance.base import BALANCE
from core.design.routing.combine.base import COMBINE
from core.design.routing.condition.base import CONDITION
from core.design.routing.modifier.base import MODIFIER
from core.design.routing.score.base import SCORE
from core.design.routing.select.base import SELECT
from core.design.routing.weigh.base import WEIGH
from core.design.rules import check, faults
from core.design.spec import Design
from tests.strategies import designs

NAMES = [entry.name for entry in METHODS]


def bank_of(design: Design) -> str:
    return next(p.pointer for p in design.parts() if isinstance(p.part.body, Moe))


def written(design: Design, name: str) -> Design:
    result = apply(design, method_edit(design, bank_of(design), name))
    assert isinstance(result, Design), result
    return result


def codes(design: Design, stage: str) -> set[str]:
    return {p.code for p in faults(design, stage=stage) if p.severity == "error"}


@pytest.mark.parametrize("name", NAMES)
def test_a_method_stands_without_error_where_tokens_may_look_around(name: str) -> None:
    design = written(preset("digits-vit"), name)
    assert codes(design, "design") == set()
    assert codes(design, "train") <= {"not-built"}


@pytest.mark.parametrize("name", NAMES)
def test_on_the_text_starter_only_looking_ahead_is_left_and_says_how_to_mend_it(name: str) -> None:
    design = written(preset("starter"), name)
    assert codes(design, "design") == ({"looks-ahead"} if method(name).looks_ahead else set())
    assert codes(design, "train") <= {"not-built", "looks-ahead"}
    assert all(p.edits for p in check(design) if p.severity == "error")


def test_moec_has_room_for_twice_a_fair_share() -> None:
    """As in its paper (arXiv 2207.09094): with half of the experts dropped, what an even choice needs."""
    design = written(preset("digits-vit"), "moec")
    bodies = [p.part.body for p in design.parts() if isinstance(p.part.body, Moe)]
    assert {(b.router.capacity.train, b.router.capacity.eval) for b in bodies if b.router.capacity} == {
        (2, 2)
    }
    assert all(b.router.capacity for b in bodies)


@pytest.mark.parametrize("name", NAMES)
def test_applying_a_method_twice_changes_nothing_more(name: str) -> None:
    once = written(preset("digits-vit"), name)
    assert written(once, name).sha == once.sha


@given(design=designs(moe=True), name=st.sampled_from(NAMES))
@settings(max_examples=150)
def test_no_method_breaks_a_random_design(design: Design, name: str) -> None:
    assert codes(written(design, name), "design") <= codes(design, "design") | {"looks-ahead"}


def test_the_step_is_one_and_named() -> None:
    edit = method_edit(preset("starter"), bank_of(preset("starter")), "expert-choice")
    assert edit.label == "Router: Expert choice"
    body = f"{bank_of(preset('starter'))}/body"
    assert method_edit(preset("starter"), body, "expert-choice") == edit


def test_experts_and_k_stay_where_the_method_is_not_about_them() -> None:
    before = preset("deepseek-v3")
    after = written(before, "top-k")
    bank = next(p.part.body for p in after.parts() if isinstance(p.part.body, Moe))
    assert (bank.count, bank.per_token, bank.islands) == (256, 8, 8)
    assert bank.shared == next(p.part.body for p in before.parts() if isinstance(p.part.body, Moe)).shared


def test_fine_graining_keeps_total_and_active_parameters_but_for_the_router() -> None:
    def size(design: Design) -> tuple[int, float]:
        bank = next(p.part.body for p in design.parts() if isinstance(p.part.body, Moe))
        total = sum(bank.widths()) + sum(g.count * g.inner for g in bank.shared)
        active = bank.per_token * bank.widths()[0] + sum(g.count * g.inner for g in bank.shared)
        return total, active

    assert size(preset("starter")) == size(written(preset("starter"), "deepseek-moe")) == (1024, 256)


def test_every_value_of_the_router_axes_is_used_by_a_method() -> None:
    used: set[tuple[str, str]] = set()
    for name in NAMES:
        design = written(preset("digits-vit"), name)
        bank = next(p.part.body for p in design.parts() if isinstance(p.part.body, Moe))
        router = bank.router
        used |= {("score", router.score.kind), ("select", router.select.kind), ("weigh", router.weigh.kind)}
        used |= {("combine", router.combine.kind)} | {("modifier", m.kind) for m in router.modifiers}
        used |= {("balance", b.kind) for b in bank.balance}
        used |= {("condition", router.condition.kind)} if router.condition else set()
    axes = (SCORE, SELECT, WEIGH, COMBINE, CONDITION, MODIFIER, BALANCE)
    assert {(axis.name, kind) for axis in axes for kind in axis.members} == used


def test_names_are_unique_and_a_wrong_one_gets_the_nearest() -> None:
    assert len(set(NAMES)) == len(methods())
    assert all(entry.summary for entry in METHODS)
    with pytest.raises(UnknownMethodError, match="Did you mean 'expert-choice'"):
        method("expert-choise")
    with pytest.raises(PointerError, match="no MoE layer stands"):
        method_edit(preset("starter"), "/stacks/0/layers/0/pattern/0/parts/0", "switch")
