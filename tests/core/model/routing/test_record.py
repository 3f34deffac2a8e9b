"""What records say: counts, domains, entropy, margin; and that asking changes nothing."""

import math

import torch

from core.model.passing import Pass
from tests.support import close, moe_layer, routed

X = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(5))


def test_asking_for_less_gives_less_and_the_same_output() -> None:
    layer = moe_layer()
    found = {record: routed(layer, X, Pass(record=record)) for record in ("none", "counts", "full")}
    assert found["none"][1].record is None
    assert found["counts"][1].record.expert_TK is None
    assert torch.equal(found["counts"][1].record.counts_E, found["full"][1].record.counts_E)
    assert torch.equal(found["none"][0], found["full"][0])


def test_counts_by_domain_are_those_of_each_domain_alone() -> None:
    layer, domain = (
        moe_layer(capacity={"train": 0.8, "eval": 1.0}),
        torch.tensor([2, 0, 2], dtype=torch.int16),
    )
    record = routed(layer, X, Pass(record="full", domain=domain, domains=4))[1].record
    assert record.counts_NE.shape == (4, 4)
    assert torch.equal(record.counts_NE.sum(0), record.counts_E)
    for n in range(4):
        own = record.expert_TK.view(3, 7, 2)[domain == n]
        assert record.counts_NE[n].tolist() == [int((own == e).sum()) for e in range(4)]


def test_entropy_is_in_nats_and_margin_is_the_gap_at_the_border() -> None:
    layer = moe_layer()
    record = routed(layer, X)[1].record
    p_TE = record.probability_TE
    assert close(record.entropy_T, -(p_TE * p_TE.log()).sum(1))
    best = p_TE.sort(1, descending=True).values
    assert close(record.margin_T, best[:, 1] - best[:, 2])
    torch.nn.init.zeros_(layer.router.score.weight)
    even = routed(layer, X)[1].record
    assert close(even.entropy_T, torch.full((21,), math.log(4)))
    assert (even.margin_T == 0).all()


def test_margin_is_infinite_where_no_expert_is_left_out() -> None:
    record = routed(moe_layer(select={"kind": "top_k", "k": 4}), X)[1].record
    assert torch.isinf(record.margin_T).all()


def test_margin_counts_the_selection_bias() -> None:
    layer = moe_layer(balance=[{"kind": "bias_update"}])
    plain = routed(layer, X)[1].record
    layer.balancers()[0].selection_bias()[plain.expert_TK[0, 0]] += 10
    assert float(routed(layer, X)[1].record.margin_T[0]) >= float(plain.margin_T[0])


def test_records_hold_no_graph() -> None:
    record = routed(moe_layer(), X)[1].record
    tensors = [value for value in vars(record).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 8
    assert not any(tensor.requires_grad for tensor in tensors)
