"""Exact top-k against a definition in plain Python."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.model import topk
from core.model.topk import top_k

FLOATS = st.floats(width=32) | st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45]
)


def by_definition(row: list[float], k: int) -> list[int]:
    """NaN below everything, then larger first, then the lower index."""
    return sorted(
        range(len(row)), key=lambda e: (math.isnan(row[e]), 0 if math.isnan(row[e]) else -row[e], e)
    )[:k]


@given(st.data())
def test_every_way_gives_the_lowest_indices_of_the_largest(data: st.DataObject) -> None:
    tokens, experts = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 9))
    scores = data.draw(hnp.arrays(np.float32, (tokens, experts), elements=FLOATS))
    k = data.draw(st.integers(0, experts))
    wanted = [by_definition(row, k) for row in scores.tolist()]
    with np.errstate(invalid="ignore"):
        assert top_k(torch.from_numpy(scores), k)[1].tolist() == wanted
        for way in (topk.argmaxes, topk.sorted_keys):
            assert topk.confirmed(way(scores, k), scores).tolist() == wanted


@pytest.mark.parametrize(("tokens", "experts", "k"), [(3000, 4, 1), (1000, 8, 2), (300, 64, 8), (40, 300, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_large_inputs_with_many_ties(tokens: int, experts: int, k: int, dtype: torch.dtype) -> None:
    scores = torch.randint(-4, 5, (tokens, experts), generator=torch.Generator().manual_seed(0)).to(dtype)
    values, index = top_k(scores, k)
    assert index.tolist() == [by_definition(row, k) for row in scores.tolist()]
    assert torch.equal(values, scores.gather(1, index))
    scores[::7, 0] = -math.inf
    scores[::11, 1:] = -math.inf
    scores[::13, 2] = math.nan
    assert top_k(scores, k)[1].tolist() == [by_definition(row, k) for row in scores.tolist()]


def test_the_gradient_goes_to_the_chosen_scores_only() -> None:
    scores = torch.tensor([[0.0, 2.0, 2.0, 1.0]], requires_grad=True)
    values, index = top_k(scores, 2)
    (values * torch.tensor([[3.0, 5.0]])).sum().backward()
    assert index.tolist() == [[1, 2]]
    assert scores.grad is not None
    assert scores.grad.tolist() == [[0.0, 3.0, 5.0, 0.0]]


@pytest.mark.parametrize("k", [-1, 5])
def test_an_impossible_k_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="To fix this"):
        top_k(torch.zeros(2, 4), k)
