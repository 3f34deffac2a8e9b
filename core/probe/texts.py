"""Typed or uploaded texts as batches, like those that a data set gives."""

from __future__ import annotations

import numpy as np

from core.data.base import Batch
from core.design.base import Spec, field
from core.probe.errors import ProbeError
from core.probe.subject import Subject

MOST_BYTES = 2**22


class Text(Spec):
    """A text under a name; `domain` is told to routers that decide by it, the first where none is named."""

    name: str = field(min_length=1, max_length=200)
    text: str = field(min_length=1)
    domain: str | None = None


def batch_of(subject: Subject, text: Text) -> Batch:
    """The text in windows side by side, each byte predicted once; what is too short for a window is left out,
    unless there is no other. Raises ProbeError for a text without two bytes, or too long."""
    whole, rest = cut(subject, text, 0)
    return whole if len(whole) else rest


def cut(subject: Subject, text: Text, number: int) -> tuple[Batch, Batch]:
    """(whole windows, the rest as one shorter window or none), as domain `number`.

    Raises ProbeError for a text without two bytes, or too long.
    """
    subject.reads_text()
    token_T = np.frombuffer(text.text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64)
    if not 2 <= len(token_T) <= MOST_BYTES:
        raise ProbeError(
            f"The text {text.name[:60]!r} has {len(token_T):,} bytes, and each is predicted from those before"
            f" it. To fix this, use 2 to {MOST_BYTES:,}."
        )
    S = subject.context
    full = (len(token_T) - 1) // S
    inputs_BS, next_BS = token_T[: full * S].reshape(full, S), token_T[1 : full * S + 1].reshape(full, S)
    rest = token_T[full * S :]
    told = subject.task_of(text.domain)

    def batch(inputs: np.ndarray, targets: np.ndarray) -> Batch:
        examples = len(inputs)
        return Batch(
            inputs=inputs,
            targets={"next": targets},
            domain=np.full(examples, number, np.int16),
            origin=np.arange(examples, dtype=np.int64) * S,
            task_id=np.full(examples, told),
        )

    left = rest[None] if len(rest) > 1 else np.empty((0, 1), np.int64)
    return batch(inputs_BS, next_BS), batch(left[:, :-1], left[:, 1:])
