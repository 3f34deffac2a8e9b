"""The question `whatif`: what experts switched off, on or favoured do to losses and to what is generated."""

from __future__ import annotations

from core.data.base import Batch
from core.design.base import Spec, field
from core.design.override import Overrides
from core.probe import generate
from core.probe.answers import Generation, Shift, WhatIf
from core.probe.errors import ProbeError
from core.probe.losses import HALF, WHOLE, by_phase, chosen_domains, losses, shift
from core.probe.subject import Subject
from core.probe.texts import Text, batch_of

MOST_PROMPTS = 8


class Ask(Spec):
    """Overrides by layer; what to measure them on: held-out examples of `domains` (all where none is named,
    unless texts of one's own are given instead), and how to go on after `prompts`."""

    overrides: Overrides
    domains: tuple[str, ...] = ()
    texts: tuple[Text, ...] = field((), max_length=16)
    examples: int | None = field(None, ge=1, le=4096)
    prompts: tuple[str, ...] = field((), max_length=MOST_PROMPTS)
    tokens: int = field(80, ge=1, le=generate.MOST_GENERATED)
    temperature: float = field(0.0, ge=0, le=10)
    seed: int = field(0, ge=0, le=2**31 - 1)


def answer(subject: Subject, ask: Ask) -> WhatIf:
    """Both sides of everything. Raises ProbeError."""
    with subject.overridden(ask.overrides) as notes:
        pass
    halves = by_phase({**subject.preset, **ask.overrides})
    if halves and subject.design.task.kind != "language_model":
        raise ProbeError(
            "Only a model of text generates, so prompt and generated tokens cannot be told apart. To fix"
            " this, let it hold for all tokens."
        )
    return WhatIf(
        run=subject.run,
        step=subject.step,
        measured=HALF if halves else WHOLE,
        notes=notes,
        shifts=tuple(_shift(subject, ask, name, batch, halves) for name, batch in _measured(subject, ask)),
        generations=tuple(_generation(subject, ask, prompt) for prompt in ask.prompts),
    )


def _measured(subject: Subject, ask: Ask) -> list[tuple[str, Batch]]:
    own = [(text.name, batch_of(subject, text)) for text in ask.texts]
    if own and not ask.domains:
        return own
    names = chosen_domains(subject, ask.domains)
    return [(name, subject.held_out(name, ask.examples)) for name in names] + own


def _shift(subject: Subject, ask: Ask, name: str, batch: Batch, halves: bool) -> Shift:
    key = ("losses", halves, batch.inputs.tobytes(), batch.domain.tobytes())
    before_B = subject.once(key, lambda: losses(subject, batch, {}, halves=halves))
    return shift(name, before_B, losses(subject, batch, ask.overrides, halves=halves))


def _generation(subject: Subject, ask: Ask, prompt: str) -> Generation:
    asked = generate.Ask(prompt=prompt, tokens=ask.tokens, temperature=ask.temperature, seed=ask.seed)
    before = subject.once(
        ("generated", asked.model_dump_json()), lambda: generate.generated(subject, asked, {})
    )
    return Generation(prompt, before, generate.generated(subject, asked, ask.overrides))
