"""Text of any length through a model of one context: windows that overlap by half."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.probe.errors import ProbeError

Ints = npt.NDArray[np.int64]

#: Tokens of one question: a minute of patience on a small machine.
MOST_TOKENS = 16_384


@dataclass(frozen=True)
class Windows:
    """`inputs_BS` tokens, `next_BS` the token after each, -1 after the last of the text.

    `own_BS`: True where a window is the one that stands for the token; in order these are the text.
    """

    inputs_BS: Ints
    next_BS: Ints
    own_BS: npt.NDArray[np.bool_]


def windows(token_T: Ints, context: int) -> Windows:
    """Windows over a text: a token stands in the first that holds it, so it sees half a window at least,
    unless it lies at the text's own beginning."""
    length = min(context, len(token_T))
    stride = max(1, length // 2)
    last = len(token_T) - length
    start_B = np.unique(np.minimum(np.arange(0, last + stride, stride), last))
    at_BS = start_B[:, None] + np.arange(length)
    covered_B = np.concatenate([[0], start_B[:-1] + length])
    after_T = np.append(token_T[1:], -1)
    return Windows(token_T[at_BS], after_T[at_BS], at_BS >= covered_B[:, None])


def bytes_of(text: str) -> Ints:
    """The tokens of a text that was typed. Raises ProbeError for none, or more than a question may have."""
    if not text:
        raise ProbeError(
            "The text is empty, so there is nothing to read. To fix this, write a letter or more."
        )
    token_T = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64)
    if len(token_T) > MOST_TOKENS:
        raise ProbeError(
            f"The text has {len(token_T):,} bytes, and a question takes {MOST_TOKENS:,} at most. To fix this,"
            " ask about a part of it."
        )
    return token_T
