"""Autonomy of Experts (arXiv 2501.13074): experts that score themselves, and the cost of asking them all."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from core.design.bodies.moe import Moe as MoeSpec
from core.design.edits import apply
from core.design.experts.glu_lowrank import matching_hidden
from core.design.presets.methods import method_edit
from core.design.rules import check
from core.design.spec import Design
from core.model.bodies.moe import Moe
from core.model.lowrank import LowRankExperts
from core.model.passing import Pass
from tests.support import close, gradients, moe_layer, routed

D, E, H, R, K, T = 8, 4, 6, 3, 2, 21
X = torch.randn(3, 7, D, generator=torch.Generator().manual_seed(5))
LOW = [{"kind": "glu_lowrank", "count": E, "hidden": H, "rank": R}]
EXECUTIONS = ("sparse", "export", "reference")


def aoe(**fields: Any) -> Moe:
    plain = {"experts": LOW, "score": {"kind": "expert_norm"}, "weigh": {"kind": "raw"}}
    return moe_layer(**{**plain, **fields})


def group_of(layer: Moe) -> LowRankExperts:
    (group,) = layer.experts.members()
    assert isinstance(group, LowRankExperts)
    return group


def test_the_score_is_the_norm_of_what_each_expert_computes_first() -> None:
    layer = aoe()
    _, told = routed(layer, X)
    norm_TE = torch.stack([(X.flatten(0, 1) @ a.t()).norm(dim=1) for a in group_of(layer).gate_a_ERD], 1)
    assert close(told.record.probability_TE, torch.softmax(norm_TE, 1), 1e-6)
    assert torch.equal(told.record.expert_TK, norm_TE.topk(K, 1).indices)
    assert not [name for name, _ in layer.named_parameters() if "router" in name]


@pytest.mark.parametrize("weigh", ["raw", "renormalised"])
def test_all_executions_agree_in_values_and_gradients(weigh: str) -> None:
    found = []
    for execution in EXECUTIONS:
        layer, x = aoe(execution=execution, weigh={"kind": weigh}), X.clone().requires_grad_()
        y, _ = routed(layer, x)
        y.square().sum().backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    for other in found[:2]:
        assert all(close(other[key], found[2][key]) for key in found[2])


@pytest.mark.parametrize("tokens", [1, 2])
def test_decoding_goes_on_from_what_was_kept(tokens: int) -> None:
    layer = aoe().eval()
    x = X[:1, :tokens]
    with torch.no_grad():
        assert close(routed(layer, x)[0], routed(layer, X)[0][:1, :tokens])


@pytest.mark.parametrize(("execution", "each"), [("sparse", K), ("export", K), ("reference", E)])
def test_the_first_factor_is_computed_once_for_every_expert(execution: str, each: int) -> None:
    layer = aoe(execution=execution)
    with FlopCounterMode(display=False) as counter:
        routed(layer, X)
    asked, finished = 2 * D * R * E, 2 * (R * H + 2 * D * H)
    assert counter.get_total_flops() == T * (asked + each * finished)


def test_scaling_one_factor_by_the_other_changes_scores_and_not_experts() -> None:
    layer = aoe(select={"kind": "all"}).double()
    x_TD = X.flatten(0, 1).double()
    group = group_of(layer)
    rows, score = group.rows(x_TD, 1), group.preactivation(x_TD)[:, 1].norm(dim=1)
    with torch.no_grad():
        group.gate_a_ERD[1] *= 7
        group.gate_b_EHR[1] /= 7
    assert close(group.rows(x_TD, 1), rows, 1e-12)
    assert close(group.preactivation(x_TD)[:, 1].norm(dim=1) / score, torch.full((T,), 7.0).double(), 1e-9)


def test_an_expert_that_answers_nothing_is_not_chosen_before_others_and_has_finite_slopes() -> None:
    layer = aoe()
    with torch.no_grad():
        group_of(layer).gate_a_ERD[2] = 0
    y, told = routed(layer, X)
    assert int(told.record.counts_E[2]) == 0
    y.square().sum().backward()
    assert all(grad.isfinite().all() for grad in gradients(layer).values())


def test_raw_weights_teach_every_first_factor_and_normalised_ones_only_the_chosen() -> None:
    def reached(weigh: str) -> tuple[dict[str, list[bool]], Tensor]:
        layer = aoe(weigh={"kind": weigh})
        y, told = routed(layer, X[:1, :1])
        y.square().sum().backward()
        chosen_E = told.record.counts_E > 0
        # The slope of a normalised weight by a score left out is zero up to rounding.
        felt = {n: [float(e.abs().max()) > 1e-5 for e in g] for n, g in gradients(layer).items()}
        return {name.rsplit(".")[-1]: each for name, each in felt.items()}, chosen_E

    raw, chosen_E = reached("raw")
    normed, _ = reached("renormalised")
    assert int(chosen_E.sum()) == K
    assert raw["gate_a_ERD"] == [True] * E
    assert normed["gate_a_ERD"] == chosen_E.tolist()
    for name in ("gate_b_EHR", "up_EHD", "down_EDH"):
        assert raw[name] == normed[name] == chosen_E.tolist()


def test_equal_norms_go_to_the_lower_index() -> None:
    layer = aoe()
    with torch.no_grad():
        group_of(layer).gate_a_ERD[:] = group_of(layer).gate_a_ERD[0].clone()
    assert routed(layer, X)[1].record.expert_TK.tolist() == [[0, 1]] * T


def test_padding_is_not_routed_and_groups_may_differ_in_width() -> None:
    layer = aoe(experts=[{**LOW[0], "count": 2}, {**LOW[0], "count": 2, "hidden": 9}])
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 5:] = False
    y, told = routed(layer, X, Pass(mask=mask, record="full"))
    assert (y[:, 5:] == 0).all()
    assert close(y[:, :5], routed(layer, X[:, :5])[0])
    assert told.record.tokens == 15


@pytest.mark.parametrize(("width", "hidden", "rank", "wanted"), [(32, 32, 8, 39), (768, 3072, 256, 3840)])
def test_the_width_of_equal_parameters(width: int, hidden: int, rank: int, wanted: int) -> None:
    assert matching_hidden(3 * width * hidden, width, rank) == wanted


def designed(**router: Any) -> Design:
    """One layer of four gated experts at width 32."""
    plain = {"score": {"kind": "linear"}, "select": {"kind": "top_k", "k": 2}, "weigh": {"kind": "raw"}}
    body = {
        "kind": "moe",
        "experts": [{"kind": "glu", "count": 4, "hidden": 32}],
        "router": {**plain, "combine": {"kind": "output_mix"}, **router},
    }
    task = {"kind": "table", "features": 3, "heads": [{"kind": "value", "name": "y"}]}
    stacks = [{"causal": False, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}]
    return Design.model_validate({"width": 32, "task": task, "stacks": stacks})


def test_the_method_keeps_the_parameters_of_the_experts() -> None:
    design = designed()
    edited = apply(design, method_edit(design, "/stacks/0/layers/0/pattern/0/parts/0/body", "aoe"))
    assert isinstance(edited, Design)
    body = next(edited.parts()).part.body
    assert isinstance(body, MoeSpec)
    (group,) = body.experts
    assert (group.inner, getattr(group, "rank", 0)) == (39, 8)
    assert math.isclose(group.parameters(32), 3 * 32 * 32, rel_tol=0.02)
    assert not [p for p in check(edited, stage="train") if p.severity == "error"]


@pytest.mark.parametrize(
    "router",
    [
        {"scope": "example"},
        {"modifiers": [{"kind": "jitter"}]},
        {"condition": {"kind": "task_gate"}},
        {"combine": {"kind": "output_mix", "weigh_on": "input"}},
    ],
)
def test_nothing_stands_between_a_token_and_the_experts_that_score_it(router: Any) -> None:
    low = [{"kind": "glu_lowrank", "count": 4, "hidden": 32, "rank": 8}]
    edited = designed(**{"score": {"kind": "expert_norm"}, **router}).model_dump(mode="json")
    edited["stacks"][0]["layers"][0]["pattern"][0]["parts"][0]["body"]["experts"] = low
    found = [p for p in check(Design.model_validate(edited)) if p.code == "score-is-the-expert"]
    assert len(found) == 1
    assert found[0].edits
