"""Two linear routers, one over islands and one inside each (hierarchical SAM, arXiv 2110.07431)."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from core.design.bodies.moe import Moe as MoeSpec
from core.design.presets.methods import method, with_method
from core.model.bodies.moe import Moe
from core.model.passing import Pass
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))
X_TD = X.flatten(0, 1)
SCORE, RAW, ALL = {"kind": "hierarchical_linear"}, {"kind": "raw"}, {"kind": "all"}
SAM = {"kind": "group_top_k", "k": 2, "top_islands": 1, "island_score": "sum"}
FULL = Pass(record="full")


def layer_of(islands: int, experts: int = 12, **fields: Any) -> Moe:
    """Twelve experts with routers far from even, so that no test passes because all is nearly the same."""
    layer = moe_layer(
        **{"score": SCORE, "select": SAM, "weigh": RAW, **fields},
        experts=[{"kind": "glu", "count": experts, "hidden": 6}],
        islands=islands,
    )
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in layer.router.parameters():
            parameter.normal_(0, 1, generator=random)
    return layer


def probabilities(layer: Moe) -> Tensor:
    record = routed(layer, X, FULL)[1].record
    assert record is not None
    return record.probability_TE


@pytest.mark.parametrize("islands", [1, 2, 4, 12])
def test_products_over_all_experts_sum_to_one_and_are_p_g_times_p_e_inside_g(islands: int) -> None:
    layer = layer_of(islands, select={"kind": "top_k", "k": 2})
    score = layer.router.score
    found_TE = probabilities(layer)
    assert close(found_TE.sum(1), torch.ones(21))
    group_TI = torch.softmax(X_TD @ score.island_weight.t(), 1)
    logit_TE = X_TD @ score.weight.t()
    size = 12 // islands
    for e in range(12):
        own = slice(e // size * size, (e // size + 1) * size)
        inside_T = logit_TE[:, e].exp() / logit_TE[:, own].exp().sum(1)
        assert close(found_TE[:, e], group_TI[:, e // size] * inside_T)
    assert close(found_TE.view(21, islands, -1).sum(2), group_TI)


def test_one_island_is_the_plain_linear_router_with_the_same_rows() -> None:
    ours = layer_of(1)
    plain = layer_of(1, score={"kind": "linear"})
    plain.load_state_dict(
        {name: value for name, value in ours.state_dict().items() if not name.endswith("island_weight")}
    )
    assert close(probabilities(ours), probabilities(plain))
    assert close(routed(ours, X)[0], routed(plain, X)[0])


def test_islands_of_one_expert_leave_the_router_over_islands() -> None:
    layer = layer_of(12, select={"kind": "top_k", "k": 2})
    wanted_TE = torch.softmax(X_TD @ layer.router.score.island_weight.t(), 1)
    assert close(probabilities(layer), wanted_TE)


def test_the_island_is_the_choice_of_its_own_router_and_weights_are_the_products() -> None:
    layer = layer_of(4)
    score = layer.router.score
    record = routed(layer, X, FULL)[1].record
    best_T = (X_TD @ score.island_weight.t()).argmax(1)
    assert torch.equal(record.selected_TK // 3, best_T[:, None].expand(-1, 2))
    assert close(record.weight_TK, record.probability_TE.gather(1, record.selected_TK))
    # A flat router with the same rows would have sent some tokens to other islands.
    flat_T = torch.softmax(X_TD @ score.weight.t(), 1).view(21, 4, 3).sum(2).argmax(1)
    assert not torch.equal(flat_T, best_T)


def test_a_gradient_reaches_both_routers() -> None:
    layer = layer_of(4)
    routed(layer, X)[0].square().sum().backward()
    for weight in (layer.router.score.weight, layer.router.score.island_weight):
        assert (weight.grad.abs().sum(1) > 0).all()


def test_where_one_router_has_nothing_to_choose_it_gets_no_gradient() -> None:
    """What the warning `hierarchy-flat` says."""
    for islands, idle in ((1, "island_weight"), (12, "weight")):
        layer = layer_of(islands, select={"kind": "top_k", "k": 2})
        routed(layer, X)[0].square().sum().backward()
        assert float(getattr(layer.router.score, idle).grad.abs().max()) < 1e-5


def test_a_z_loss_on_it_is_nothing() -> None:
    """What the warning `logits-sum-to-one` says; a linear router of these rows would have one."""
    balance = [{"kind": "z_loss", "coefficient": 1.0}]
    losses = [
        routed(layer_of(4, score=score, balance=balance), X)[1].losses["z_loss"].item()
        for score in (SCORE, {"kind": "linear"})
    ]
    assert losses[0] < 1e-10
    assert losses[1] > 1


@pytest.mark.parametrize("islands", [2, 4])
def test_parameters_and_flops_are_2de_and_2dn_g(islands: int) -> None:
    layer = layer_of(islands)
    spec = MoeSpec.model_validate(
        {
            "kind": "moe",
            "experts": [{"kind": "glu", "count": 12, "hidden": 6}],
            "islands": islands,
            "router": {"score": SCORE, "select": SAM, "weigh": RAW, "combine": {"kind": "output_mix"}},
        }
    )
    weights = [w for w in spec.weights(8, 1) if w.role == "router"]
    assert sum(w.size for w in weights) == 8 * (12 + islands)
    assert sum(p.numel() for p in layer.router.parameters()) == 8 * (12 + islands)
    with FlopCounterMode(display=False) as counter:
        layer.router.score(X_TD, None)
    assert counter.get_total_flops() == 21 * (2 * 8 * 12 + 2 * 8 * islands)


def test_both_routers_start_small_and_large_logits_stay_finite() -> None:
    layer = moe_layer(score=SCORE, islands=2)
    score = layer.router.score
    assert 0 < score.island_weight.abs().max().item() < 0.2
    assert 0 < score.weight.abs().max().item() < 0.2
    with torch.no_grad():
        score.island_weight.mul_(1e6)
        score.weight.mul_(1e6)
    y = routed(layer, X)[0]
    y.sum().backward()
    assert y.isfinite().all()
    assert all(g.isfinite().all() for g in gradients(layer).values())


def test_three_executions_agree_inside_one_island() -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = layer_of(4, execution=execution), X.clone().requires_grad_()
        y, _ = routed(layer, x)
        y.square().sum().backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    for other in found[:2]:
        assert all(close(other[key], found[2][key]) for key in other)


def test_the_preset_is_sam_with_this_score() -> None:
    flat, ours = (with_method(method(name)) for name in ("sam", "sam-hierarchical"))
    bodies = [
        next(p.part.body for p in design.parts() if isinstance(p.part.body, MoeSpec))
        for design in (flat, ours)
    ]
    assert bodies[0].islands > 1
    plain = bodies[1].model_dump(mode="json")
    assert plain["router"]["score"]["kind"] == "hierarchical_linear"
    plain["router"]["score"] = bodies[0].router.score.model_dump(mode="json")
    assert plain == bodies[0].model_dump(mode="json")
