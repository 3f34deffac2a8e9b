"""What a router may know beside the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from core.model.experts import ExpertBank
from core.model.passing import Pass
from core.model.randomness import generator


@dataclass(frozen=True)
class RouteContext:
    """The circumstances of one decision over T = B * S tokens.

    layer: the routed part's number in the model; mask_T: True where a token is real, None where all are.
    x_TD: what the layer reads and its experts get; bank: the layer's experts, for scores that ask them.
    token_BS: ids of the tokens, None where inputs are numbers. tasks: how many tasks the design knows.
    """

    shape: tuple[int, int]
    passing: Pass
    layer: int
    training: bool
    causal: bool
    device: torch.device
    x_TD: Tensor | None = None
    bank: ExpertBank | None = None
    token_BS: Tensor | None = None
    tasks: int = 1

    @cached_property
    def mask_T(self) -> Tensor | None:
        return None if self.passing.mask is None else self.passing.mask.reshape(-1)

    @cached_property
    def tokens(self) -> int:
        """Real tokens."""
        return self.shape[0] * self.shape[1] if self.mask_T is None else int(self.mask_T.sum())

    @cached_property
    def share_T(self) -> Tensor:
        """One over the number of real tokens for each of them, 0 for padding: sums with it are means."""
        ones_T = torch.ones(self.shape[0] * self.shape[1], device=self.device)
        return (ones_T if self.mask_T is None else self.mask_T.float()) / max(1, self.tokens)

    @cached_property
    def preactivation_TER(self) -> Tensor:
        """What every expert computes first of x_TD; kept, so that the experts go on from there."""
        assert self.bank is not None
        assert self.x_TD is not None
        return self.bank.preactivation(self.x_TD)

    @property
    def kept_TER(self) -> Tensor | None:
        """`preactivation_TER` where a score has asked for it, else None."""
        return self.__dict__.get("preactivation_TER")

    @cached_property
    def task_B(self) -> Tensor:
        """The task of each example. Raises ValueError where the pass names none, or one that is not there."""
        if self.passing.task_id is None:
            raise ValueError(
                "This router decides by task, and the batch names none. To fix this, give the forward pass a"
                " task_id for each example, or train on data with several heads or tasks."
            )
        task_B = self.passing.task_id.to(self.device).long()
        if not torch.compiler.is_exporting():
            wrong = task_B[(task_B < 0) | (task_B >= self.tasks)]
            if len(wrong):
                raise ValueError(
                    f"The batch names task {int(wrong[0])}, and this design has {self.tasks}, counted from 0."
                    " To fix this, use data whose tasks the design knows."
                )
        return task_B

    @cached_property
    def task_T(self) -> Tensor:
        """The task of each token."""
        # torch.onnx turns `repeat_interleave` into a wrong shape where the number of tokens is free.
        return self.task_B[:, None].expand(self.shape).reshape(-1)

    @cached_property
    def random(self) -> torch.Generator:
        """This layer's random numbers in this pass."""
        of = self.passing
        return generator("router", of.seed, self.layer, of.step, of.pass_index, device=self.device)
