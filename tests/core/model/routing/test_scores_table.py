"""Tables: fixed, balanced, without parameters, and read exactly.

Hash layers (arXiv 2106.04426).
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from core.design.routing.score.table import TableScore
from core.design.spec import Design
from core.model.build import build
from core.model.passing import Pass
from core.model.routing.context import RouteContext
from core.model.routing.score.base import SCORES
from core.model.routing.score.table import Table
from core.model.routing.shape import RoutedShape
from tests.support import moe_layer, routed

HASHED: dict[str, Any] = {
    "score": {"kind": "table", "source": "lsh"},
    "select": {"kind": "table"},
    "weigh": {"kind": "ones"},
}


def table(source: str, experts: int, seed: int = 0, ids: int = 256, width: int = 8) -> Table:
    spec = TableScore.model_validate({"kind": "table", "source": source, "seed": seed})
    made = SCORES.build(spec, RoutedShape(width, experts, ids=ids))
    assert isinstance(made, Table)
    return made


def context(B: int, S: int, token_BS: Tensor | None = None, **passing: Any) -> RouteContext:
    return RouteContext((B, S), Pass(**passing), 0, True, True, torch.device("cpu"), token_BS=token_BS)


def by_id(made: Table, ids: int = 256) -> Tensor:
    return made.expert(torch.zeros(ids, 8), context(1, ids, torch.arange(ids)[None]))


@pytest.mark.parametrize("experts", [1, 3, 8, 64])
def test_a_token_table_covers_all_ids_and_no_expert_has_two_more_than_another(experts: int) -> None:
    made = table("token", experts)
    size_E = torch.bincount(by_id(made), minlength=experts)
    assert int(size_E.sum()) == 256
    assert int(size_E.max() - size_E.min()) <= 1
    assert not list(made.parameters())
    # Mixed, and not simply counted off.
    assert experts == 1 or not torch.equal(by_id(made), torch.arange(256) % experts)


def test_a_token_table_is_a_function_of_the_id_and_the_seed_alone() -> None:
    made, random = table("token", 4), torch.Generator().manual_seed(0)
    token_BS = torch.randint(0, 256, (3, 5), generator=random)
    one, other = (
        made(torch.randn(15, 8, generator=random), context(3, 5, token_BS, step=step)) for step in (0, 9)
    )
    assert torch.equal(one, other)
    assert torch.equal(one.argmax(1), by_id(made)[token_BS.reshape(-1)])
    assert torch.equal(by_id(table("token", 4)), by_id(made))
    assert not torch.equal(by_id(table("token", 4, seed=1)), by_id(made))


def test_only_the_expert_of_the_table_can_win() -> None:
    logits_GE = table("token", 4)(torch.randn(3, 8), context(1, 3, torch.tensor([[0, 1, 255]])))
    assert ((logits_GE == 0).sum(1) == 1).all()
    assert ((logits_GE == -torch.inf).sum(1) == 3).all()


@pytest.mark.parametrize("experts", [2, 3, 6, 16])
def test_hashes_of_random_states_use_all_experts_almost_evenly(experts: int) -> None:
    made = table("lsh", experts, width=24)
    x_GD = torch.randn(6000, 24, generator=torch.Generator().manual_seed(1))
    found_G = made.expert(x_GD, context(1, 6000))
    share_E = torch.bincount(found_G, minlength=experts) / 6000 * experts
    assert float(share_E.min()) > 0.4
    assert float(share_E.max()) < 1.9
    # Planes through zero: length does not count, and a neighbour is likely on the same sides.
    assert torch.equal(made.expert(7 * x_GD, context(1, 6000)), found_G)
    near_G = made.expert(
        x_GD + 0.01 * torch.randn(6000, 24, generator=torch.Generator().manual_seed(2)), context(1, 6000)
    )
    assert float((near_G == found_G).float().mean()) > 0.9


def test_the_oracle_knows_the_domain() -> None:
    made = table("domain", 3)
    logits_GE = made(torch.zeros(8, 8), context(4, 2, domain=torch.tensor([0, 1, 2, 4]), domains=5))
    assert logits_GE.argmax(1).tolist() == [0, 0, 1, 1, 2, 2, 1, 1]


def test_what_a_table_cannot_know_is_said_in_words() -> None:
    with pytest.raises(ValueError, match=r"batch names none.* To fix this"):
        table("domain", 3)(torch.zeros(2, 8), context(1, 2))
    with pytest.raises(ValueError, match=r"reads numbers.* To fix this"):
        table("token", 3)(torch.zeros(2, 8), context(1, 2))


def test_a_layer_with_a_table_computes_exactly_that_expert_with_weight_one() -> None:
    layer = moe_layer(**HASHED)
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    y, told = routed(layer, x)
    x_TD = x.flatten(0, 1)
    expert_T = layer.router.score.expert(x_TD, context(2, 5))
    assert torch.equal(told.record.expert_TK, expert_T[:, None])
    assert (told.record.weight_TK == 1).all()
    bank = layer.experts.members()[0]
    wanted = torch.stack([bank.rows(x_TD, e) for e in range(4)])[expert_T, torch.arange(10)]
    assert torch.allclose(y.flatten(0, 1), wanted, atol=1e-6)
    y.sum().backward()
    assert not any("router" in name for name, _ in layer.named_parameters())


def language_model(source: str) -> Design:
    router = {**HASHED, "score": {"kind": "table", "source": source}, "combine": {"kind": "output_mix"}}
    body = {"kind": "moe", "experts": [{"kind": "mlp", "count": 4, "hidden": 6}], "router": router}
    return Design.model_validate(
        {
            "width": 8,
            "task": {"kind": "language_model", "context": 8},
            "stacks": [{"layers": [{"pattern": [{"parts": [{"body": body}]}]}]}],
        }
    )


def test_a_language_model_hashes_its_own_ids_and_its_checkpoint_keeps_the_table() -> None:
    model, ids = build(language_model("token")), torch.arange(24).view(3, 8)
    record = model(ids, Pass(record="full")).records["decoder.0.0"]
    (name,) = [name for name in model.state_dict() if name.endswith("expert_V")]
    assert torch.equal(record.expert_TK[:, 0], model.state_dict()[name][ids.reshape(-1)])
    again = model(ids, Pass(record="full", step=5, seed=3)).records["decoder.0.0"]
    assert torch.equal(again.expert_TK, record.expert_TK)
