"""Balancers of single methods: when they are zero, what they equal, where their gradients go.

Entropy of top-p (arXiv 2403.07652), the penalty of HMoE (arXiv 2408.10681), alignment of SAM (arXiv
2110.07431), variance in the clusters of MoEC (arXiv 2207.09094).
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from core.design.base import Spec
from core.design.routing.balance.base import BALANCE
from core.model.passing import Pass
from core.model.routing.balance.base import BALANCERS, Balancer
from core.model.routing.balance.importance_load_cv import smooth_load
from core.model.routing.decision import Hard
from core.model.routing.shape import RoutedShape
from tests.core.model.routing.test_balance import context, decided
from tests.support import close, gradients, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))


def balancer(
    kind: str, experts: int = 4, islands: int = 1, widths: tuple[int, ...] = (), **fields: object
) -> Balancer:
    spec = BALANCE.parse({"kind": kind, "coefficient": 1.0, **fields})
    assert isinstance(spec, Spec)
    return BALANCERS.build(spec, RoutedShape(8, experts, islands, widths or (1,) * experts))


def loss(of: Balancer, decision: Hard, batch: int = 1) -> Tensor:
    found = of.loss(decision, context(batch, len(decision.scores_TE) // batch))
    assert found is not None
    return found


def probabilities(tokens: int, experts: int, seed: int = 0) -> Tensor:
    return torch.softmax(torch.randn(tokens, experts, generator=torch.Generator().manual_seed(seed)), 1)


def chosen(scores_TE: Tensor, selected: list[list[int]]) -> Hard:
    selected_TK = torch.tensor(selected)
    weight = scores_TE.gather(1, selected_TK.clamp_min(0))
    return Hard(scores_TE.log(), scores_TE, scores_TE, selected_TK, selected_TK >= 0, weight)


# Entropy


def test_entropy_lies_between_none_and_that_of_equals() -> None:
    of = balancer("entropy")
    assert float(loss(of, decided(torch.full((6, 4), 0.25), 1))) == pytest.approx(math.log(4))
    one_hot = torch.eye(4)[:3].requires_grad_()
    none = loss(of, decided(one_hot, 1))
    assert float(none.detach()) == pytest.approx(0, abs=1e-6)
    none.backward()
    assert one_hot.grad is not None
    assert one_hot.grad.isfinite().all()


def test_entropy_is_of_each_token_and_not_of_their_mean() -> None:
    sure_of_different = torch.eye(4).clamp(1e-7)
    assert float(loss(balancer("entropy"), decided(sure_of_different, 1))) < 1e-4


def test_a_step_down_the_entropy_makes_routers_decide() -> None:
    """The sign: HMoE prints the other one, with which entropy would grow."""
    logits = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    of = balancer("entropy", 5)
    before = loss(of, decided(torch.softmax(logits, 1), 1))
    before.backward()
    assert logits.grad is not None
    after = loss(of, decided(torch.softmax(logits.detach() - logits.grad, 1), 1))
    assert float(after) < float(before.detach())


# Penalty on width


@pytest.mark.parametrize("k", [1, 2, 3])
def test_with_equal_widths_the_penalty_is_load_balance_times_k(k: int) -> None:
    decision = decided(probabilities(12, 4), k)
    even = loss(balancer("load_balance"), decision)
    assert close(loss(balancer("param_penalty", widths=(48,) * 4), decision), k * even)
    assert close(loss(balancer("param_penalty", widths=(0,) * 4), decision), k * even)


def test_with_ragged_choices_the_factor_is_their_mean_number() -> None:
    decision = chosen(probabilities(3, 4), [[0, 1, 2], [1, -1, -1], [3, 2, -1]])
    even = loss(balancer("load_balance"), decision)
    assert close(loss(balancer("param_penalty"), decision), 2 * even)


def test_the_penalty_grows_when_a_token_moves_to_a_wider_expert() -> None:
    """One token's probability and choice move; the others are even over all experts."""
    even = torch.full((4, 4), 0.25)
    found = []
    for e in range(4):
        moved = torch.cat((even, 0.1 * even[:1] + 0.9 * torch.eye(4)[e : e + 1]))
        found.append(
            float(
                loss(balancer("param_penalty", widths=(2, 4, 6, 8)), chosen(moved, [[0], [1], [2], [3], [e]]))
            )
        )
    assert found == sorted(found)
    assert len(set(found)) == 4


def test_only_ratios_of_widths_count() -> None:
    decision = decided(probabilities(12, 4), 2)
    one, ten = (
        loss(balancer("param_penalty", widths=tuple(s * h for h in (1, 2, 3, 4))), decision) for s in (1, 10)
    )
    assert close(one, ten)


def test_the_penalty_reads_the_widths_of_the_layer_and_keeps_them_out_of_checkpoints() -> None:
    groups = [{"kind": "glu", "count": 2, "hidden": 3}, {"kind": "glu", "count": 2, "hidden": 9}]
    layer = moe_layer(experts=groups, balance=[{"kind": "param_penalty"}])
    assert layer.balancers()[0].get_buffer("width_E").tolist() == [0.5, 0.5, 1.5, 1.5]
    assert not any("width" in name for name in layer.state_dict())


# Alignment


def test_alignment_is_zero_where_the_best_of_all_lie_in_one_island() -> None:
    scores = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.5, 0.3]])
    assert float(loss(balancer("alignment", islands=2), decided(scores, 2))) == 0


def test_alignment_measures_against_the_weakest_chosen() -> None:
    scores = torch.tensor([[0.35, 0.05, 0.3, 0.3], [0.1, 0.1, 0.5, 0.3]])
    decision = chosen(scores, [[2, 3], [2, 3]])
    # Expert 0 is 0.05 above the second chosen; against the first it would be so too, and 1 is below.
    assert float(loss(balancer("alignment", islands=2), decision)) == pytest.approx(0.05 / 2)
    below_first = torch.tensor([[0.35, 0.05, 0.45, 0.15]])
    found = loss(balancer("alignment", islands=2), chosen(below_first, [[2, 3]]))
    assert float(found) == pytest.approx(0.2)  # none against the first, 0.45


def test_alignment_is_zero_with_one_island_and_for_flat_choices() -> None:
    decision = decided(probabilities(20, 6), 2)
    assert float(loss(balancer("alignment", 6), decision)) == 0
    assert float(loss(balancer("alignment", 6, islands=3), decision)) == 0


def test_the_gradient_of_alignment_lowers_outside_experts_and_lifts_the_weakest_chosen() -> None:
    scores = torch.tensor([[0.35, 0.05, 0.45, 0.15]], requires_grad=True)
    decision = chosen(scores, [[2, 3]])
    loss(balancer("alignment", islands=2), decision).backward()
    assert scores.grad is not None
    assert scores.grad[0, 0] > 0
    assert scores.grad[0, 3] < 0


def test_alignment_leaves_padding_out() -> None:
    layer = moe_layer(
        experts=[{"kind": "glu", "count": 6, "hidden": 4}],
        islands=3,
        select={"kind": "group_top_k", "k": 2, "top_islands": 1, "island_score": "sum"},
        balance=[{"kind": "alignment"}],
    )
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[:, 5:] = False
    found = routed(layer, X, Pass(mask=mask))[1].losses["alignment"]
    assert close(found, routed(layer, X[:, :5])[1].losses["alignment"])
    assert float(found.detach()) > 0
    found.backward()
    assert gradients(layer)["router.score.weight"].isfinite().all()


# Variance inside clusters


def test_variance_is_zero_if_islands_agree_inside_whatever_is_between() -> None:
    agreed = torch.tensor([[0.4, 0.4, 0.1, 0.1]])
    assert float(loss(balancer("cluster_variance", islands=2), decided(agreed, 1))) == pytest.approx(0)
    swapped = torch.tensor([[0.4, 0.1, 0.4, 0.1]])
    assert float(loss(balancer("cluster_variance", islands=2), decided(swapped, 1))) > 0.1


def test_only_mean_scores_over_the_batch_count_not_how_many_tokens() -> None:
    of, scores = balancer("cluster_variance", islands=2), probabilities(8, 4)
    assert close(loss(of, decided(scores, 1)), loss(of, decided(scores.repeat(3, 1), 1)))


def test_islands_of_one_expert_give_zero_and_one_island_the_global_variance() -> None:
    scores = probabilities(8, 4)
    assert float(loss(balancer("cluster_variance", islands=4), decided(scores, 1))) == 0
    whole = (4 * scores.mean(0)).var(unbiased=False)
    assert close(loss(balancer("cluster_variance", islands=1), decided(scores, 1)), whole)


def test_permuting_inside_an_island_changes_nothing_and_across_does() -> None:
    of, scores = balancer("cluster_variance", islands=2), probabilities(8, 4)
    plain = loss(of, decided(scores, 1))
    assert close(loss(of, decided(scores[:, [1, 0, 3, 2]], 1)), plain)
    assert not close(loss(of, decided(scores[:, [0, 2, 1, 3]], 1)), plain, 1e-4)


def test_the_gap_between_the_best_islands_divides() -> None:
    scores = torch.tensor([[0.5, 0.2, 0.2, 0.1]])
    plain = loss(balancer("cluster_variance", islands=2, gap=0.0), decided(scores, 1))
    means = 4 * torch.tensor([0.35, 0.15])
    divided = loss(balancer("cluster_variance", islands=2, gap=1.5), decided(scores, 1))
    assert close(divided, plain / torch.exp(1.5 * (means[0] - means[1])))


def test_a_gap_too_large_for_the_exponential_leaves_a_finite_gradient() -> None:
    scores = torch.tensor([[0.6, 0.4, 0.0, 0.0]], requires_grad=True)
    loss(balancer("cluster_variance", islands=2, gap=100.0), decided(scores, 1)).backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


# Load under new noise, for ragged choices


def test_smooth_load_of_ragged_choices_has_a_border_for_each_token() -> None:
    random = torch.Generator().manual_seed(0)
    clean = torch.randn(6, 4, generator=random)
    noisy = clean + 0.5 * torch.randn(6, 4, generator=random)
    order = noisy.argsort(dim=1, descending=True)

    def of(selected: Tensor, rows: slice) -> Tensor:
        scores = torch.softmax(noisy[rows], 1)
        plain = chosen(scores, selected.tolist())
        return smooth_load(
            Hard(
                clean[rows],
                scores,
                scores,
                plain.selected_TK,
                plain.accepted_TK,
                plain.weight_TK,
                noisy[rows],
                0.5,
            ),
            context(1, len(selected)),
        )

    ragged = order.clone()
    ragged[:2, 1:], ragged[2:4, 2:] = -1, -1
    parts = of(order[:2, :1], slice(0, 2)) + of(order[2:4, :2], slice(2, 4)) + 2.0  # the last two take all
    assert close(of(ragged, slice(0, 6)), parts)


@pytest.mark.parametrize("kind", ["entropy", "param_penalty", "alignment", "cluster_variance"])
def test_they_train_the_router_and_no_expert(kind: str) -> None:
    layer = moe_layer(
        experts=[{"kind": "glu", "count": 3, "hidden": 4}, {"kind": "glu", "count": 3, "hidden": 8}],
        islands=2,
        select={"kind": "group_top_k", "k": 2, "top_islands": 1, "island_score": "max"},
        balance=[{"kind": kind}],
    )
    routed(layer, X)[1].losses[kind].backward()
    moved = {name for name, slope in gradients(layer).items() if float(slope.abs().sum()) > 0}
    assert moved == {"router.score.weight"}
