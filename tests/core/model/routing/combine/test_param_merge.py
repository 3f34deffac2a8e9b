"""Merged experts (SMEAR, arXiv 2306.03745) against the definition, and what they may not be combined with."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from core.design.edits import apply
from core.design.rules import check
from core.design.spec import Design
from core.model.bodies.moe import Moe
from core.model.build import build
from core.model.passing import Pass
from core.model.routing.combine import param_merge
from tests.support import close, gradients, moe_layer, routed

B, S, D, E, H = 3, 7, 8, 4, 6
X = torch.randn(B, S, D, generator=torch.Generator().manual_seed(5))
SMEAR = {
    "score": {"kind": "normed_linear"},
    "scope": "example",
    "select": {"kind": "all"},
    "weigh": {"kind": "raw"},
    "combine": {"kind": "param_merge"},
}
KINDS = {
    "glu": {"kind": "glu", "count": E, "hidden": H, "bias": True},
    "mlp": {"kind": "mlp", "count": E, "hidden": H, "activation": "gelu", "bias": True},
    "adapter": {"kind": "adapter", "count": E, "hidden": 2},
    "glu_lowrank": {"kind": "glu_lowrank", "count": E, "hidden": H, "rank": 3},
}
every = pytest.mark.parametrize("kind", KINDS)


def smear(kind: str = "glu", **fields: Any) -> Moe:
    """A layer whose router prefers different experts in different examples, and whose biases are not zero."""
    layer = moe_layer(**{**SMEAR, "experts": [KINDS[kind]], **fields})
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if "bias" in name:
                parameter.normal_(0.0, 0.5, generator=random)
        if hasattr(layer.router.score, "row_gain"):
            layer.router.score.row_gain.fill_(1.0)
    return layer


def shares(layer: Moe, x_BSD: Tensor, passing: Pass | None = None) -> Tensor:
    """The merge weights [B, E] of the examples' first tokens."""
    found = routed(layer, x_BSD, passing)[1].record
    return found.probability_TE.unflatten(0, x_BSD.shape[:2])[:, 0]


def by_definition(layer: Moe, x_BSD: Tensor, share_BE: Tensor) -> Tensor:
    """One expert an example, written out tensor by tensor."""
    parameters = {name: p.detach().clone() for name, p in layer.experts.named_parameters()}
    found = []
    for x_SD, share_E in zip(x_BSD, share_BE, strict=True):
        with torch.no_grad():
            for name, parameter in layer.experts.named_parameters():
                parameter[0] = sum(share_E[e] * parameters[name][e] for e in range(E))
            found.append(layer.experts.members()[0].rows(x_SD, 0))
            for name, parameter in layer.experts.named_parameters():
                parameter.copy_(parameters[name])
    return torch.stack(found)


@every
def test_every_tensor_is_merged_once_an_example(kind: str) -> None:
    layer = smear(kind)
    y, _ = routed(layer, X)
    share_BE = shares(layer, X)
    assert close(share_BE.sum(1), torch.ones(B))
    assert float((share_BE[0] - share_BE[1]).abs().max()) > 0.05
    assert close(y, by_definition(layer, X, share_BE))


def test_the_router_reads_the_normalised_mean_against_normalised_rows() -> None:
    layer = smear()
    score, mean_BD = layer.router.score, X.mean(1)

    def norm(x: Tensor) -> Tensor:
        return (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()

    logits_BE = norm(mean_BD) @ norm(score.weight).t() + score.bias
    assert close(shares(layer, X), torch.softmax(logits_BE, 1))


def test_training_starts_from_nearly_even_shares() -> None:
    layer = moe_layer(**SMEAR, experts=[KINDS["glu"]])
    assert torch.equal(layer.router.score.row_gain, torch.full((D,), 0.01))
    assert float((shares(layer, 100 * X) - 1 / E).abs().max()) < 0.02


@every
def test_one_hot_shares_give_that_expert_and_equal_experts_give_it_for_any_shares(kind: str) -> None:
    layer = smear(kind)
    group = layer.experts.members()[0]
    with torch.no_grad():
        layer.router.score.bias[2] = 1e4
    assert close(routed(layer, X)[0].flatten(0, 1), group.rows(X.flatten(0, 1), 2))
    layer = smear(kind)
    with torch.no_grad():
        for parameter in layer.experts.parameters():
            parameter[:] = parameter[0].clone()
    wanted = layer.experts.members()[0].rows(X.flatten(0, 1), 0)
    assert close(routed(layer, X)[0].flatten(0, 1), wanted)


def test_a_single_expert_is_that_expert() -> None:
    layer = smear(experts=[{**KINDS["glu"], "count": 1}])
    assert close(routed(layer, X)[0].flatten(0, 1), layer.experts.members()[0].rows(X.flatten(0, 1), 0))


@pytest.mark.parametrize(("activation", "equal"), [("relu", True), ("gelu", False)])
def test_merging_weights_is_mixing_outputs_for_linear_experts_alone(activation: str, equal: bool) -> None:
    expert = {**KINDS["mlp"], "activation": activation}
    layer = smear(experts=[expert])
    if equal:
        # ReLU far inside its upper half, the same in every expert, is linear; so is one shared way down.
        with torch.no_grad():
            layer.experts.members()[0].up_bias_EH.fill_(100.0)
            down = layer.experts.members()[0].down_EDH
            down[:] = down[0].clone()
    mixed = moe_layer(**{**SMEAR, "experts": [expert], "combine": {"kind": "output_mix"}})
    mixed.load_state_dict(layer.state_dict())
    assert close(routed(layer, X)[0], routed(mixed, X)[0], 1e-4) == equal


def test_shuffling_tokens_of_an_example_shuffles_its_output() -> None:
    layer, order = smear(), torch.randperm(S, generator=torch.Generator().manual_seed(0))
    assert close(shares(layer, X[:, order]), shares(layer, X))
    assert close(routed(layer, X[:, order])[0], routed(layer, X)[0][:, order])


@every
def test_every_expert_and_the_router_learn_in_every_step(kind: str) -> None:
    layer = smear(kind)
    routed(layer, X)[0].square().sum().backward()
    for name, slope in gradients(layer).items():
        assert slope.isfinite().all()
        for each in slope if ".groups." in name else [slope]:
            assert float(each.abs().max()) > 1e-6, name


def test_padding_changes_nothing_and_gets_nothing() -> None:
    layer = smear()
    mask = torch.ones(B, S, dtype=torch.bool)
    mask[:, 5:] = False
    mask[2] = False
    y, told = routed(layer, torch.where(mask[:, :, None], X, 1e3), Pass(mask=mask, record="full"))
    assert close(y[:2, :5], routed(layer, X[:2, :5])[0])
    assert (y[~mask] == 0).all()
    assert y.isfinite().all()
    assert told.record.tokens == 10


@pytest.mark.parametrize("scope", ["position", "batch", "task"])
def test_other_groups_of_tokens_meet_their_own_merged_expert(scope: str) -> None:
    layer = smear(scope=scope)
    passing = Pass(record="full", task_id=torch.zeros(B, dtype=torch.long))
    y, told = routed(layer, X, passing)
    parts = {"position": X.transpose(0, 1)[:, :, None], "batch": X.flatten(0, 1)[None, None]}
    parts["task"] = parts["batch"]
    share_TE = told.record.probability_TE.unflatten(0, (B, S))
    for g, x_GSD in enumerate(parts[scope]):
        share_E = share_TE[0, g]
        wanted = by_definition(layer, x_GSD.flatten(0, 1)[None], share_E[None])[0]
        found = y[:, g] if scope == "position" else y.flatten(0, 1)
        assert close(found, wanted)


def test_each_task_has_its_merged_expert_where_a_batch_mixes_tasks() -> None:
    layer = smear(scope="task", score={"kind": "given"}, condition={"kind": "task_embedding", "dim": 3})
    with pytest.raises(ValueError, match="To fix this"):
        routed(layer, X)
    layer = smear()
    with torch.no_grad():
        layer.router.score.weight.zero_()
    passing = Pass(task_id=torch.tensor([0, 0, 0]), record="full")
    assert close(routed(layer, X, passing)[0], routed(smear_even(layer), X)[0])


def smear_even(layer: Moe) -> Moe:
    """The same experts, merged once for all tokens of the batch."""
    other = smear(scope="batch")
    other.load_state_dict(layer.state_dict())
    return other


def test_groups_of_one_shape_are_one_bank_and_executions_agree() -> None:
    split = [{**KINDS["glu"], "count": 1}, {**KINDS["glu"], "count": 3}]
    found = []
    for execution in ("sparse", "export", "reference"):
        layer, x = smear(experts=split, execution=execution), X.clone().requires_grad_()
        y, _ = routed(layer, x)
        y.square().sum().backward()
        found.append({"y": y.detach(), "x": x.grad, **gradients(layer)})
    assert all(close(other[key], found[2][key]) for other in found[:2] for key in found[2])
    whole = smear()
    with torch.no_grad():
        first, second = layer.experts.members()
        for a, b, both in zip(
            first.parameters(), second.parameters(), whole.experts.parameters(), strict=True
        ):
            both.copy_(torch.cat([a, b]))
        whole.router.load_state_dict(layer.router.state_dict())
    assert close(routed(whole, X)[0], found[2]["y"])


def test_many_examples_are_merged_piece_by_piece_with_the_same_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for most in (2**27, 1):
        monkeypatch.setattr(param_merge, "MERGED_BYTES", most)
        layer = smear()
        y, _ = routed(layer, X)
        y.square().sum().backward()
        found.append({"y": y.detach(), **gradients(layer)})
    assert all(close(found[1][key], found[0][key], 1e-6) for key in found[0])


def test_the_cost_is_one_merge_an_example_and_one_expert_a_token() -> None:
    layer = smear()
    with FlopCounterMode(display=False) as counter:
        routed(layer, X)
    numbers = sum(p[0].numel() for p in layer.experts.parameters())
    merge, run, score = 2 * E * numbers * B, 2 * 3 * D * H * B * S, 2 * D * E * B
    assert counter.get_total_flops() == merge + run + score


def test_soft_records_have_shares_and_no_counts() -> None:
    record = routed(smear(), X, Pass(record="full"))[1].record
    assert (record.counts_E, record.selected_E, record.expert_TK, record.margin_T) == (None,) * 4
    assert record.probability_TE.shape == (B * S, E)
    assert not record.probability_TE.requires_grad
    assert close(record.entropy_T, -(record.probability_TE * record.probability_TE.log()).sum(1))
    counts = routed(smear(), X, Pass(record="counts", domain=torch.zeros(B), domains=2))[1].record
    assert (counts.counts_E, counts.counts_NE, counts.probability_TE, counts.tokens) == (None, None, None, 21)


def digits(causal: bool = False, balance: Any = (), experts: Any = None, **router: Any) -> Design:
    body = {
        "kind": "moe",
        "experts": experts or [{"kind": "glu", "count": 4, "hidden": 8}],
        "router": {**SMEAR, **router},
        "balance": list(balance),
    }
    heads = [{"name": "digit", "kind": "classes", "size": 10}]
    task = {"kind": "image_classifier", "height": 4, "width": 4, "channels": 1, "patch": 2, "heads": heads}
    stacks = [{"causal": causal, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}]
    return Design.model_validate({"width": 8, "task": task, "stacks": stacks})


def codes(design: Design) -> set[str]:
    return {p.code for p in check(design, stage="train") if p.severity == "error"}


def test_it_trains_where_nothing_is_refused_and_has_the_parameters_that_the_design_counts() -> None:
    assert codes(digits()) == set()
    assert sum(p.numel() for p in build(digits()).parameters()) == digits().parameters


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("merge-needs-equal", {"scope": "token"}),
        ("merge-needs-equal", {"select": {"kind": "top_k", "k": 2}}),
        ("merge-needs-equal", {"capacity": {}}),
        ("merge-needs-equal", {"balance": [{"kind": "load_balance"}]}),
        ("merge-needs-equal", {"balance": [{"kind": "bias_update"}]}),
        (
            "merge-needs-equal",
            {"experts": [{"kind": "glu", "hidden": 8}, {"kind": "glu", "hidden": 9}]},
        ),
        (
            "merge-needs-equal",
            {"experts": [{"kind": "glu", "hidden": 8}, {"kind": "glu", "hidden": 8, "bias": True}]},
        ),
        ("looks-ahead", {"causal": True}),
        ("merge-weights", {"score_function": "sigmoid"}),
        ("merge-weights", {"weigh": {"kind": "ones"}}),
        ("merge-weights", {"weigh": {"kind": "raw", "scale": 2.0}}),
    ],
)
def test_what_cannot_be_merged_is_refused_with_a_way_out(code: str, fields: Any) -> None:
    design = digits(**fields)
    assert code in codes(design)
    assert all(p.edits for p in check(design, stage="train") if p.severity == "error")


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "token"},
        {"select": {"kind": "top_k", "k": 2}, "capacity": {}},
        {"balance": [{"kind": "load_balance"}]},
    ],
)
def test_what_may_not_be_beside_merging_is_taken_away_and_merging_stays(fields: Any) -> None:
    design = digits(**fields)
    (problem,) = [p for p in check(design, stage="train") if p.code == "merge-needs-equal"]
    mended = apply(design, problem.edits[0])
    assert isinstance(mended, Design)
    assert codes(mended) == set()
    merged = [each.body.router.combine.kind for each in mended.occurrences() if each.body.kind == "moe"]
    assert set(merged) == {"param_merge"}
