"""What all bodies share: what they are told, what they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.design.bodies.base import BODY
from core.design.spec import Norm
from core.model.passing import Pass
from core.model.registry import Registry
from core.model.routing.record import RoutingRecord


@dataclass(frozen=True)
class Place:
    """Where a body is built: D, the design's norm, the execution of experts, names of the tasks.

    index: the body's number in the unrolled model, from which its random numbers come. ids: how many token
    ids there are, 0 where the model reads numbers.
    """

    width: int
    norm: Norm
    execution: str
    index: int
    tasks: tuple[str, ...] = ()
    ids: int = 0


@dataclass(frozen=True)
class Sight:
    """What tokens of one forward pass may see of each other, shared by all layers of a stack.

    token_BS: ids of the tokens, None where the model reads numbers. Masks and rotations are computed once for
    each distinct setting.
    """

    shape: tuple[int, int]
    device: torch.device
    causal: bool
    passing: Pass
    token_BS: Tensor | None = None

    @cached_property
    def _made(self) -> dict[tuple[object, ...], object]:
        return {}

    def allowed(self, window: int | None, chunk: int | None) -> Tensor | None:
        """bool, broadcastable to [B, heads, S, S], True = may attend; None if causality alone decides."""
        window, chunk = self._felt(window), self._felt(chunk)
        if window is None and chunk is None and self.passing.mask is None:
            return None
        key = ("allowed", window, chunk)
        if key not in self._made:
            self._made[key] = self._allowed(window, chunk)
        made = self._made[key]
        assert isinstance(made, Tensor)
        return made

    def real(self, x_BSD: Tensor) -> Tensor:
        """x with zeros for padding: whatever stood there, NaN too, reaches no token and no gradient.

        A product with the mask would not do: 0 * NaN is NaN.
        """
        mask_BS = self.passing.mask
        return x_BSD if mask_BS is None else x_BSD.masked_fill(~mask_BS[:, :, None], 0.0)

    def _felt(self, reach: int | None) -> int | None:
        """A window or chunk that the sequence fits into limits nothing; an exported model may meet any."""
        short = reach is not None and not torch.compiler.is_exporting() and reach >= self.shape[1]
        return None if short else reach

    def _allowed(self, window: int | None, chunk: int | None) -> Tensor:
        at_S = torch.arange(self.shape[1], device=self.device)
        away_SS = at_S[:, None] - at_S[None, :]
        seen_SS = away_SS >= 0 if self.causal else torch.ones_like(away_SS, dtype=torch.bool)
        if window is not None:
            seen_SS = seen_SS & (away_SS.abs() < window)
        if chunk is not None:
            seen_SS = seen_SS & (at_S[:, None] // chunk == at_S[None, :] // chunk)
        seen = seen_SS[None, None]
        if self.passing.mask is not None:
            # A padded query keeps sight of itself: a row without any key has no softmax.
            seen = seen & self.passing.mask[:, None, None, :] | (away_SS == 0)
        return seen

    def rotation(self, theta: float, width: int) -> tuple[Tensor, Tensor]:
        """(cos, sin), each [S, width / 2], of rotary positions (arXiv 2104.09864), in float32."""
        key = ("rotation", theta, width)
        if key not in self._made:
            each = torch.arange(0, width, 2, device=self.device, dtype=torch.float32) / width
            turn = torch.outer(torch.arange(self.shape[1], device=self.device).float(), theta**-each)
            self._made[key] = (turn.cos(), turn.sin())
        made = self._made[key]
        assert isinstance(made, tuple)
        return made


class Routed(NamedTuple):
    """What a routed body tells beside its output: a record where one is wanted, and its balancers' losses."""

    record: RoutingRecord | None
    losses: dict[str, Tensor]


class RoutedBody(nn.Module, ABC):
    """Base of bodies that route, so that the model can count them and hand them their records."""

    @abstractmethod
    def after_step(self, found: RoutingRecord | None) -> None:
        """Learn from an optimizer step. Raises ValueError if it needs a record and gets none."""


#: A builder takes (spec, place). The module maps ([B, S, D], sight) to ([B, S, D], Routed or None):
#: routing leaves it as a value, never as an attribute or hook.
BODIES: Registry[nn.Module] = Registry(BODY)
