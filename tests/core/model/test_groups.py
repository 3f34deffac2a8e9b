"""Expert specs become the shapes that they name."""

import pytest
import torch
from torch.nn import functional as F

from core.design.experts.glu import Glu
from core.model.execute.sparse import Strategy, sparse
from core.model.groups import bank


@pytest.mark.parametrize("strategy", ["hit", "ragged", "grouped"])
def test_a_clamped_gate_is_gpt_oss_s(strategy: Strategy) -> None:
    """Against the equations of transformers' GptOssExperts, whose limit and alpha these are."""
    torch.manual_seed(0)
    experts = bank([Glu(kind="glu", count=2, hidden=4, bias=True, clamp=0.3)], 8)
    gate_up, down, gate_up_bias, down_bias = experts.parameters()
    x = 3 * torch.randn(6, 8)
    gate, up = F.linear(x, gate_up[1], gate_up_bias[1]).chunk(2, -1)
    gate, up = gate.clamp(min=None, max=0.3), up.clamp(min=-0.3, max=0.3)
    wanted = F.linear((up + 1) * (gate * torch.sigmoid(gate * 1.702)), down[1], down_bias[1])
    with torch.no_grad():
        found = sparse(experts, x, torch.ones(6, 1, dtype=torch.int64), torch.ones(6, 1), strategy)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
