"""What counts as a near tie where experts choose their tokens."""

from typing import Any

import numpy as np
import pytest
import torch

from core.design.bodies.moe import Moe
from core.export.onnx.run import _decided
from core.model.routing.record import RoutingRecord
from tests.core.export.onnx.conftest import router


def chosen(score_function: str) -> Any:
    """Four tokens of two experts, each of which took its best two; the first two are as good as equal to the
    first expert's last place."""
    probability = torch.tensor([[0.5, 0.5], [0.5 - 1e-6, 0.5 + 1e-6], [0.9, 0.1], [0.2, 0.8]])
    expert = torch.tensor([[0, -1], [1, -1], [0, -1], [1, -1]])
    record = RoutingRecord(
        None, None, 4, expert_TK=expert, probability_TE=probability, margin_T=torch.zeros(4)
    )
    select = {"kind": "expert_choice", "factor": 1.0}
    axes = router(select=select, score_function=score_function)
    experts = [{"kind": "glu", "count": 2, "hidden": 2}]
    body = Moe.model_validate({"kind": "moe", "experts": experts, "router": axes})
    return _decided(record, body.router, 1)


def test_tokens_beside_the_last_place_are_near_a_tie_and_share_their_fate() -> None:
    seen = chosen("softmax")
    assert seen.shared_fate
    assert seen.margin is not None
    assert np.allclose(seen.margin[0], [0, 0, 0.4, 0.3], atol=2e-6, rtol=0)


@pytest.mark.parametrize("function", ["sigmoid", "none"])
def test_nothing_is_excused_where_the_file_does_not_tell_what_was_compared(function: str) -> None:
    assert np.isinf(chosen(function).margin).all()
