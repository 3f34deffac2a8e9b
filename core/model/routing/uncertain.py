"""Tokens that a router cannot place go to every expert while it is fine-tuned (GW-MoE, arXiv 2406.12375).

The released code overwrites what it should add up, and weighs the token instead of the experts' outputs;
this follows the paper: y = sum over all e of P_e f_e(x).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from core.design.routing.uncertain import Broadcast as BroadcastSpec
from core.model.routing.context import RouteContext
from core.model.routing.decision import Hard


class Broadcast:
    """The rule of a router. scale: the route scale, which weights of broadcast tokens get like all others."""

    def __init__(self, spec: BroadcastSpec, scale: float) -> None:
        self.threshold, self.slots, self.scale = spec.threshold, spec.slots, scale

    def uncertain_T(self, probability_TE: Tensor, context: RouteContext) -> Tensor | None:
        """Which tokens are broadcast, None for none: in training, the first `slots` of each example."""
        if not context.training:
            return None
        p_TE = probability_TE.detach()
        entropy_T = torch.special.entr(p_TE).sum(1).clamp_min(0)
        found_T = entropy_T >= self.threshold * math.log(p_TE.shape[1])
        if context.mask_T is not None:
            found_T = found_T & context.mask_T
        if self.slots is not None:
            found_BS = found_T.view(context.shape)
            found_T = (found_BS & (found_BS.cumsum(1) <= self.slots)).view(-1)
        return found_T if bool(found_T.any()) else None

    def widened(self, decision: Hard, uncertain_T: Tensor) -> Hard:
        """The decision with all open experts for the uncertain tokens, and for the others as it was."""
        more, wide_T1 = decision.experts - decision.selected_TK.shape[1], uncertain_T[:, None]
        every_E = torch.arange(decision.experts, device=uncertain_T.device)
        open_TE = decision.ranking_TE > -torch.inf
        itself_T = decision.identity_T
        return replace(
            decision,
            selected_TK=torch.where(
                wide_T1,
                torch.where(open_TE, every_E, -1),
                F.pad(decision.selected_TK, (0, more), value=-1),
            ),
            accepted_TK=F.pad(decision.accepted_TK, (0, more)) | (wide_T1 & open_TE),
            weight_TK=torch.where(
                wide_T1, decision.scores_TE * self.scale, F.pad(decision.weight_TK, (0, more))
            ),
            identity_T=None if itself_T is None else itself_T.masked_fill(uncertain_T, 0.0),
            own_TK=decision.selected_TK,
            own_weight_TK=decision.weight_TK,
        )
