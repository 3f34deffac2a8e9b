"""Which tokens decide together: alone, by example, by position, by task, or all of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from core.model.routing.context import RouteContext


@dataclass(frozen=True)
class Scope:
    """Groups of tokens. index_T: the group of each token, None where each is its own. groups: G.

    task_G: the task of each group; None where each token has its own, or a group may have several. across:
    a group takes one token of each example, instead of whole examples.
    """

    index_T: Tensor | None
    groups: int
    task_G: Tensor | None = None
    across: bool = False

    def pooled(self, x_TD: Tensor, context: RouteContext) -> Tensor:
        """The mean of each group's real tokens [G, D]; 0 for a group without any."""
        if self.index_T is None:
            return x_TD
        real_T = (context.share_T > 0).to(x_TD.dtype)
        sum_GD = x_TD.new_zeros(self.groups, x_TD.shape[1]).index_add(0, self.index_T, x_TD * real_T[:, None])
        size_G = x_TD.new_zeros(self.groups).index_add(0, self.index_T, real_T)
        return sum_GD / size_G.clamp_min(1)[:, None]

    def each(self, value_G: Tensor) -> Tensor:
        """What a group decided, for each of its tokens: [G, ...] to [T, ...]."""
        return value_G if self.index_T is None else value_G.index_select(0, self.index_T)

    def laid_out(self, value_G: Tensor, x_TD: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """(value_L [L, ...], x_LND): L rows of N tokens that share what their group decided.

        A row is a group where all groups have one size, else an example of it. Not for groups of one token.
        """
        assert self.index_T is not None
        if self.across:
            return value_G, x_TD.unflatten(0, shape).transpose(0, 1)
        if self.groups == 1:
            return value_G, x_TD[None]
        return value_G.index_select(0, self.index_T.view(shape)[:, 0]), x_TD.unflatten(0, shape)

    def put_back(self, y_LND: Tensor) -> Tensor:
        """y_TD from rows as `laid_out` gives them."""
        return (y_LND.transpose(0, 1) if self.across else y_LND).flatten(0, 1)


def _token(context: RouteContext) -> Scope:
    return Scope(None, context.shape[0] * context.shape[1])


def _example(context: RouteContext) -> Scope:
    B, S = context.shape
    # Not `task_B`: only a router that asks for the task minds one that is not there.
    named = context.passing.task_id
    task_B = None if named is None else named.to(context.device).long()
    # As `RouteContext.task_T`: `repeat_interleave` could not be exported.
    example_BS = torch.arange(B, device=context.device)[:, None].expand(B, S)
    return Scope(example_BS.reshape(-1), B, task_B)


def _position(context: RouteContext) -> Scope:
    B, S = context.shape
    return Scope(torch.arange(S, device=context.device).repeat(B), S, across=True)


def _task(context: RouteContext) -> Scope:
    return Scope(context.task_T, context.tasks, torch.arange(context.tasks, device=context.device))


def _batch(context: RouteContext) -> Scope:
    B, S = context.shape
    return Scope(torch.zeros(B * S, dtype=torch.long, device=context.device), 1)


SCOPES: dict[str, Callable[[RouteContext], Scope]] = {
    "token": _token,
    "example": _example,
    "position": _position,
    "task": _task,
    "batch": _batch,
}
