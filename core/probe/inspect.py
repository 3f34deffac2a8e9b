"""The question `inspect`: what every layer does with each token of a typed text."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.design.base import Spec, field
from core.design.bodies.moe import Moe as MoeSpec
from core.design.override import Overrides
from core.model.routing.decision import Hard
from core.model.routing.record import RoutingRecord
from core.probe.answers import Inspection, LayerView
from core.probe.parts import Seen, contributions, watched
from core.probe.subject import Subject
from core.probe.windows import Windows, bytes_of, windows

#: Tokens that a lens names.
BEST = 5


class Ask(Spec):
    """A text, the domain it is said to be of, for routers that are told, and overrides by layer."""

    text: str
    domain: str | None = None
    overrides: Overrides = field({})


def answer(subject: Subject, ask: Ask) -> Inspection:
    """Everything about the text. Raises ProbeError."""
    subject.reads_text()
    token_T = bytes_of(ask.text)
    cut = windows(token_T, subject.context)
    passing = subject.passing(ask.domain, len(cut.inputs_BS), record="full")
    with subject.overridden(ask.overrides) as notes, watched(subject.model) as seen:
        output = subject.model(torch.from_numpy(cut.inputs_BS), passing)
    own_T = torch.from_numpy(cut.own_BS.reshape(-1))
    logits_TV = output.logits["next"].flatten(0, 1)[own_T]
    next_T = torch.from_numpy(cut.next_BS).reshape(-1)[own_T]
    nll_T = F.cross_entropy(logits_TV, next_T, ignore_index=-1, reduction="none")
    probability_TN, guess_TN = torch.softmax(logits_TV, 1).topk(min(BEST, logits_TV.shape[1]), 1)
    bodies = {o.path: o.body for o in subject.design.occurrences() if isinstance(o.body, MoeSpec)}
    return Inspection(
        run=subject.run,
        step=subject.step,
        context=subject.context,
        token_T=token_T.astype(np.int16),
        position_T=_positions(cut),
        nll_T=nll_T.masked_fill(next_T < 0, torch.nan).numpy(),
        guess_TN=guess_TN.to(torch.int16).numpy(),
        guess_probability_TN=probability_TN.numpy(),
        notes=notes,
        layers=tuple(
            _view(subject, path, body, seen[path], output.records[path], own_T)
            for path, body in bodies.items()
        ),
        together=tuple(path for path, body in bodies.items() if body.router.capacity is not None),
    )


def _positions(cut: Windows) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    B, S = cut.inputs_BS.shape
    return np.tile(np.arange(S, dtype=np.int32), (B, 1))[cut.own_BS]


def _view(
    subject: Subject, path: str, body: MoeSpec, seen: Seen, told: RoutingRecord, own_T: Tensor
) -> LayerView:
    decision = seen.decision
    assert isinstance(decision, Hard)
    assert told.probability_TE is not None
    assert told.entropy_T is not None
    assert told.margin_T is not None
    mixer = body.router.combine
    y_TKD = contributions(seen, getattr(mixer, "weigh_on", "output") == "input")[own_T]
    accepted_TK = decision.accepted_TK[own_T]
    lens_TKN, lens_logit_TKN = _lens(subject, y_TKD, accepted_TK)
    return LayerView(
        path=path,
        experts=body.count,
        expert_TK=decision.selected_TK[own_T].to(torch.int16).numpy(),
        accepted_TK=accepted_TK.numpy(),
        weight_TK=decision.mix_TK[own_T].float().numpy(),
        probability_TE=told.probability_TE[own_T].float().numpy(),
        entropy_T=told.entropy_T[own_T].float().numpy(),
        margin_T=told.margin_T[own_T].float().numpy(),
        contribution_TK=y_TKD.norm(dim=2).numpy(),
        output_T=seen.y_TD[own_T].norm(dim=1).numpy(),
        lens_TKN=lens_TKN.to(torch.int16).numpy(),
        lens_logit_TKN=lens_logit_TKN.numpy(),
    )


def _lens(subject: Subject, y_TKD: Tensor, there_TK: Tensor) -> tuple[Tensor, Tensor]:
    """(tokens, logits), both [T, K, N]: what each contribution says if it is read as the whole stream."""
    model = subject.model
    read_TKD = y_TKD if model.final_norm is None else model.final_norm(y_TKD)
    logits_TKV = model.ends.read(read_TKD, None)["next"]
    logit_TKN, token_TKN = logits_TKV.topk(min(BEST, logits_TKV.shape[2]), 2)
    none_TK1 = ~there_TK[:, :, None]
    return token_TKN.masked_fill(none_TK1, -1), logit_TKN.masked_fill(none_TK1, torch.nan)
