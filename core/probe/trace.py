"""The question `trace`: an ordinary trace of any texts or of held-out examples, beside the run's own."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import model_validator

from core.data.base import Batch
from core.design.base import Spec, field
from core.design.override import Overrides
from core.probe.answers import TraceFile
from core.probe.errors import ProbeError
from core.probe.losses import chosen_domains
from core.probe.subject import Subject
from core.probe.texts import Text, cut
from core.trace.collect import collect
from core.trace.newest import trace_path
from core.trace.record import write
from core.train.evaluate import nll_of

#: Traces that were asked for, kept with a run.
MOST_KEPT = 16
FOLDER = "asked"

Part = Literal["all", "first", "second"]


class Ask(Spec):
    """`texts`, each a domain of its own, or held-out examples of `domains` (all where none is named).

    part: every second held-out example, from the first or the second: what is found on one part can be tested
    on the other. own: write it as the run's own trace, as the end of a training does; of held-out examples
    and without overrides only.
    """

    texts: tuple[Text, ...] = field((), max_length=256)
    domains: tuple[str, ...] = ()
    examples: int | None = field(None, ge=1, le=65_536)
    part: Part = "all"
    overrides: Overrides = field({})
    own: bool = False

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Ask:
        names = [text.name for text in self.texts]
        if len(set(names)) < len(names):
            raise ValueError("two texts have one name; name each differently")
        if self.texts and (self.domains or self.own):
            raise ValueError("texts and held-out examples are different traces; ask for one of them")
        if self.own and (self.overrides or self.part != "all"):
            raise ValueError("a run's own trace is of all held-out examples, as it is")
        return self


def answer(subject: Subject, ask: Ask) -> TraceFile:
    """Where the trace lies. Raises ProbeError."""
    names, batches = _texts(subject, ask) if ask.texts else _held_out(subject, ask)
    pieces = [piece for batch in batches for piece in batch.pieces(subject.plan.batch)]
    with subject.overridden(ask.overrides):
        found = collect(
            subject.model,
            pieces,
            domains=names,
            nll=lambda output, batch: nll_of(subject.model, output, batch),
            run=subject.run,
            step=subject.step,
            progress=subject.progress,
            seed=subject.plan.seed,
        )
    path = trace_path(subject.folder, subject.step)
    if not ask.own:
        asked = hashlib.sha256(f"{subject.step} {ask.model_dump_json()}".encode()).hexdigest()
        path = path.parent / FOLDER / f"{asked[:16]}.npz"
        _make_room(subject)
    try:
        size = write(path, found)
    except OSError as error:
        raise ProbeError(
            f"The trace could not be written: {error.strerror or error}. To fix this, free some space."
        ) from error
    return TraceFile(str(path.relative_to(subject.folder)), found.header.tokens, size, names)


def _texts(subject: Subject, ask: Ask) -> tuple[tuple[str, ...], list[Batch]]:
    batches = [part for i, text in enumerate(ask.texts) for part in cut(subject, text, i) if len(part)]
    return tuple(text.name for text in ask.texts), batches


def _held_out(subject: Subject, ask: Ask) -> tuple[tuple[str, ...], list[Batch]]:
    """Domains are numbered as the data does, so all are named."""
    wanted = chosen_domains(subject, ask.domains)
    batches = [part_of(subject.held_out(name, ask.examples), ask.part) for name in wanted]
    return subject.dataset.facts.domains, [batch for batch in batches if len(batch)]


def part_of(batch: Batch, part: Part) -> Batch:
    """Every second example."""
    return batch[{"all": slice(None), "first": slice(0, None, 2), "second": slice(1, None, 2)}[part]]


def _make_room(subject: Subject) -> None:
    kept = sorted(
        (subject.folder / "traces" / FOLDER).glob("*.npz"), key=lambda path: path.stat().st_mtime_ns
    )
    for path in kept[: -(MOST_KEPT - 1)]:
        path.unlink(missing_ok=True)
