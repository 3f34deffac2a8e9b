"""Balanced assignment: BASE layers (arXiv 2103.16716) and Sinkhorn (arXiv 2202.01169)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.design.routing.select.assign import Assign as AssignSpec
from core.model.routing.context import RouteContext
from core.model.routing.select.base import SELECTORS, Ranked, Selector
from core.model.routing.shape import RoutedShape
from core.model.topk import top_k

#: Tokens that one assignment weighs against each other: its time grows with the cube. 512 take 13 ms.
MOST = 512
#: Larger than any score, and sums of it are finite.
_BEYOND = 1e30


@SELECTORS.register(AssignSpec)
class Assign(Selector):
    """One expert a token: in training every expert gets as many, at evaluation each token its best.

    Only which expert is decided here, so gradients go through the weights, never through the assignment.
    """

    def __init__(self, spec: AssignSpec, shape: RoutedShape) -> None:
        super().__init__()
        self.iterations = spec.iterations
        self.balanced = {"base": self._base, "sinkhorn": self._sinkhorn}[spec.method]

    def forward(self, ranked: Ranked, context: RouteContext) -> Tensor:
        if not context.training or not context.tokens:
            return top_k(ranked.ranking_TE, 1)[1]
        if context.mask_T is None:
            return self.balanced(ranked.logits_TE)[:, None]
        selected_T = ranked.logits_TE.new_full(context.mask_T.shape, -1, dtype=torch.int64)
        selected_T[context.mask_T] = self.balanced(ranked.logits_TE[context.mask_T])
        return selected_T[:, None]

    def _base(self, logits_TE: Tensor) -> Tensor:
        cost_TE = logits_TE.double().cpu().numpy()
        experts = cost_TE.shape[1]
        size = max(experts, MOST // experts * experts)
        parts = [assigned(cost_TE[low : low + size]) for low in range(0, len(cost_TE), size)]
        return torch.from_numpy(np.concatenate(parts)).to(logits_TE.device)

    def _sinkhorn(self, logits_TE: Tensor) -> Tensor:
        return top_k(plan(logits_TE, self.iterations), 1)[1][:, 0]


def assigned(value_TE: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The expert of each token, of all balanced assignments the one with the largest sum of values.

    Where E does not divide T, loads differ by one, and the optimum says who gets more. Closed experts, at
    -inf for all tokens, get none. More than `MOST` tokens are assigned in consecutive parts. What is NaN is
    assigned last: that a training has diverged is for the loss to say.
    """
    from scipy.optimize import linear_sum_assignment  # slow to load, and few designs need it

    value_TE = np.nan_to_num(value_TE, nan=-_BEYOND, posinf=_BEYOND, neginf=-np.inf)
    open_N = np.flatnonzero((value_TE > -np.inf).any(axis=0))
    tokens, experts = len(value_TE), len(open_N)
    places = -(-tokens // experts)
    # Every expert has `places` columns. Rows of nobody fill up the square, and may only take a last place.
    square = np.full((places * experts, places * experts), 0.0)
    square[:tokens] = np.repeat(value_TE[:, open_N], places, 1)
    square[tokens:, np.arange(places * experts) % places < places - 1] = -np.inf
    chosen: npt.NDArray[np.int64] = open_N[linear_sum_assignment(square, maximize=True)[1][:tokens] // places]
    return chosen


def plan(logits_TE: Tensor, iterations: int) -> Tensor:
    """The logarithm of exp(logits) scaled in turns to rows that sum to 1 / T and columns to 1 / E [T, E]."""
    plan_TE = logits_TE
    for _ in range(iterations):
        plan_TE = plan_TE - plan_TE.logsumexp(1, keepdim=True) - np.log(logits_TE.shape[0])
        column_E = plan_TE.logsumexp(0, keepdim=True)
        plan_TE = plan_TE - column_E.nan_to_num(neginf=0.0) - np.log(logits_TE.shape[1])
    return plan_TE
