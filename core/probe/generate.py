"""The question `generate`: how a model goes on after a prompt."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from core.design.base import Spec, field
from core.design.override import Override, Overrides
from core.model.randomness import generator
from core.probe.subject import Subject
from core.probe.windows import bytes_of

MOST_GENERATED = 512


class Ask(Spec):
    """A prompt and how many tokens to add. temperature 0 takes the likeliest."""

    prompt: str
    tokens: int = field(80, ge=1, le=MOST_GENERATED)
    temperature: float = field(0.0, ge=0, le=10)
    seed: int = field(0, ge=0, le=2**31 - 1)
    domain: str | None = None
    overrides: Overrides = field({})


def answer(subject: Subject, ask: Ask) -> dict[str, str | tuple[str, ...]]:
    """{"text", "notes"}. Raises ProbeError."""
    with subject.overridden(ask.overrides) as notes:
        pass
    return {"text": generated(subject, ask, ask.overrides), "notes": notes}


def generated(subject: Subject, ask: Ask, wanted: Mapping[str, Override]) -> str:
    """What comes after the prompt. Every token is computed from the last `context` ones.

    Tokens of the prompt count as prefill and added ones as decode. Routing of a token by itself is what it
    would be with a cache of keys and values. Random draws are the same whatever the overrides.
    Raises ProbeError.
    """
    subject.reads_text()
    prompt_T = torch.from_numpy(bytes_of(ask.prompt))
    ids = prompt_T.tolist()
    with subject.overridden(wanted):
        for _ in range(ask.tokens):
            window = ids[-subject.context :]
            at_S = torch.arange(len(ids) - len(window), len(ids))
            passing = subject.passing(ask.domain, 1, decode=(at_S >= len(prompt_T))[None])
            logits_V = subject.model(torch.tensor([window]), passing).logits["next"][0, -1]
            ids.append(_next(logits_V, ask, len(ids)))
    return bytes(np.array(ids[len(prompt_T) :], np.uint8)).decode("utf-8", "replace")


def _next(logits_V: Tensor, ask: Ask, place: int) -> int:
    if ask.temperature == 0:
        return int(logits_V.argmax())
    # The largest of logits with Gumbel noise is a draw from their softmax.
    uniform_V = torch.rand(logits_V.shape, generator=generator("generate", ask.seed, place))
    noise_V = -torch.log(-torch.log(uniform_V.clamp(1e-9, 1 - 1e-7)))
    return int((logits_V / ask.temperature + noise_V).argmax())
