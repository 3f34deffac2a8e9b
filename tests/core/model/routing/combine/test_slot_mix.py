"""Soft MoE (arXiv 2308.00951) against an implementation from the definition, loop by loop."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from core.design.bodies.moe import Moe as MoeSpec
from core.design.rules import check
from core.model.bodies.moe import Moe
from core.model.passing import Pass
from tests.core.model.routing.combine.test_param_merge import digits
from tests.support import close, gradients, moe_layer, routed, sight

B, S, D, E, SLOTS = 3, 7, 8, 4, 2
X = torch.randn(B, S, D, generator=torch.Generator().manual_seed(5))
SOFT = {
    "score": {"kind": "unit_linear"},
    "select": {"kind": "all"},
    "weigh": {"kind": "raw"},
    "combine": {"kind": "slot_mix", "slots": SLOTS},
}


def soft(**fields: Any) -> Moe:
    """A layer with clear preferences: the scale is far from its start."""
    layer = moe_layer(**{**SOFT, **fields})
    with torch.no_grad():
        if hasattr(layer.router.score, "scale"):
            layer.router.score.scale.fill_(4.0)
    return layer


def by_definition(layer: Moe, x_BSD: Tensor) -> Tensor:
    """Slot by slot, token by token."""
    phi, scale = layer.router.score.weight, float(layer.router.score.scale)
    y_BSD = torch.zeros_like(x_BSD)
    for b, x_SD in enumerate(x_BSD):
        logit = [
            [scale * float(x @ p) / (float(x.norm()) * float(p.norm())) for p in phi] for x in x_SD
        ]  # [token][slot]
        outputs = []
        for p in range(len(phi)):
            weights = [math.exp(row[p]) for row in logit]
            slot = sum(w / sum(weights) * x for w, x in zip(weights, x_SD, strict=True))
            outputs.append(expert_of(layer, slot, p // SLOTS))
        for t, row in enumerate(logit):
            weights = [math.exp(value) for value in row]
            y_BSD[b, t] = sum(w / sum(weights) * y for w, y in zip(weights, outputs, strict=True))
    return y_BSD


def expert_of(layer: Moe, x_D: Tensor, expert: int) -> Tensor:
    for first, group in zip(layer.experts.starts, layer.experts.members(), strict=True):
        if first <= expert < first + group.count:
            return group.rows(x_D[None], expert - first)[0]
    raise AssertionError(expert)


@pytest.mark.parametrize(
    "experts",
    [
        [{"kind": "glu", "count": E, "hidden": 6}],
        [
            {"kind": "mlp", "count": 1, "hidden": 5, "bias": True},
            {"kind": "adapter", "count": 3, "hidden": 2},
        ],
        [{"kind": "glu_lowrank", "count": 3, "hidden": 5, "rank": 2}, {"kind": "identity", "count": 1}],
    ],
    ids=["glu", "two groups", "low rank and identity"],
)
def test_it_is_the_definition(experts: Any) -> None:
    layer = soft(experts=experts)
    with torch.no_grad():
        assert close(routed(layer, X)[0], by_definition(layer, X))


def test_executions_agree_in_values_and_gradients_and_everything_learns() -> None:
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = soft(execution=execution), X.clone().requires_grad_()
        y, _ = routed(layer, x)
        y.square().sum().backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    assert all(close(other[key], found[2][key]) for other in found[:2] for key in found[2])
    for name, slope in found[2].items():
        assert all(float(each.abs().max()) > 1e-8 for each in (slope if slope.dim() == 3 else [slope])), name


def test_columns_and_rows_of_the_mixtures_sum_to_one() -> None:
    layer = soft()
    decision = decided(layer, X)
    assert close(decision.dispatch_BSP.sum(1), torch.ones(B, E * SLOTS))
    assert close(decision.combine_BSP.sum(2), torch.ones(B, S))
    assert close(decision.share_TE.sum(1), torch.ones(B * S))


@torch.no_grad()
def decided(layer: Moe, x_BSD: Tensor, passing: Pass | None = None) -> Any:
    """The decision of the layer's combiner."""
    x_TD = x_BSD.flatten(0, 1)
    context = layer._context(x_TD, sight(*x_BSD.shape[:2], passing))
    return layer.combine.decide(layer.router, layer.router(x_TD, context), context, [])


def test_equal_tokens_make_slots_equal_to_them() -> None:
    layer = soft()
    x = X[:, :1].expand(B, S, D)
    share_TE = routed(layer, x)[1].record.probability_TE
    slots = decided(layer, x).dispatch_BSP.transpose(1, 2) @ x
    assert close(slots, x[:, :1].expand(B, E * SLOTS, D))
    assert close(share_TE, share_TE[::S].repeat_interleave(S, 0))


def test_permuting_tokens_permutes_the_output_and_examples_do_not_meet() -> None:
    layer, order = soft(), torch.randperm(S, generator=torch.Generator().manual_seed(0))
    y = routed(layer, X)[0]
    assert close(routed(layer, X[:, order])[0], y[:, order])
    assert close(routed(layer, X[1:2])[0], y[1:2])


def test_a_later_token_changes_an_earlier_output() -> None:
    layer, changed = soft(), X.clone()
    changed[:, -1] += 1
    assert not close(routed(layer, changed)[0][:, 0], routed(layer, X)[0][:, 0], 1e-3)


def test_padding_is_in_no_slot_and_gets_nothing() -> None:
    layer = soft()
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[:, 5:] = False
    mask[2] = False
    x = torch.where(mask[:, :, None], X, 1e3).requires_grad_()
    y, told = routed(layer, x, Pass(mask=mask, record="full"))
    assert close(y[:2, :5], routed(layer, X[:2, :5])[0])
    assert (y[~mask] == 0).all()
    assert (told.record.tokens, told.record.counts_E) == (10, None)
    y.square().sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad[~mask] == 0).all()


def test_the_design_counts_a_column_for_each_slot_and_the_scale() -> None:
    design = digits(**{**SOFT, "scope": "token"})
    body = next(design.parts()).part.body
    assert isinstance(body, MoeSpec)
    weights = {w.name: w.size for w in body.router.weights(D, E, 1)}
    assert weights == {"router.weight": E * SLOTS * D, "router.scale": 1}
    layer = soft()
    assert sum(p.numel() for p in layer.router.parameters()) == sum(weights.values())
    assert {p.code for p in check(design, stage="train") if p.severity == "error"} == set()


def test_the_scale_starts_at_one_and_bounds_the_logits() -> None:
    layer = moe_layer(**SOFT)
    assert layer.router.score.scale.tolist() == [1.0]
    decision = decided(layer, 1000 * X)
    assert float(decision.combine_BSP.max()) <= math.e**2 / (E * SLOTS)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("looks-ahead", {"causal": True}),
        ("already-balanced", {"capacity": {}}),
        ("already-balanced", {"balance": [{"kind": "load_balance"}]}),
        ("slots-balance", {"balance": [{"kind": "z_loss"}]}),
        ("slots-mix-all", {"select": {"kind": "top_k", "k": 2}}),
        ("slots-mix-all", {"scope": "example"}),
        ("slots-mix-all", {"score_function": "sigmoid"}),
        ("slots-mix-all", {"weigh": {"kind": "raw", "scale": 2.0}}),
        ("slots-need-rows", {"score": {"kind": "uniform"}}),
    ],
)
def test_what_slots_leave_nothing_to_is_refused_with_a_way_out(code: str, fields: Any) -> None:
    design = digits(**{**SOFT, "scope": "token", **fields})
    found = [p for p in check(design, stage="train") if p.severity == "error"]
    assert code in {p.code for p in found}
    assert all(p.edits for p in found)
