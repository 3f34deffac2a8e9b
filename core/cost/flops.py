"""FLOPs of a forward and of a training step for each token. A multiply-add is two FLOPs.

Attention scores and values come in two conventions: `causal_half` counts the keys a query really sees (also
windows and chunks); without it every query meets all S keys, as a masked matrix product and most published
training figures have it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.cost.count import Counts
from core.cost.figure import Figure, exact
from core.cost.parts import PartCount
from core.design.bodies.attention import Attention
from core.design.bodies.base import Mixer


@dataclass(frozen=True)
class PartFlops:
    """Forward and backward FLOPs for each token of all turns of a part; `once` a forward pass, whatever it
    holds."""

    pointer: str
    kind: str
    gemm: float
    attention: float
    other: float
    backward: float
    once: float = 0.0

    @property
    def forward(self) -> float:
        """Weight products, attention, and state updates."""
        return self.gemm + self.attention + self.other


@dataclass(frozen=True)
class Flops:
    """FLOPs for each token of a sequence of `context`. In two stacks: one source and one target token."""

    parts: tuple[PartFlops, ...]
    context: int
    causal_half: bool

    @property
    def gemm(self) -> float:
        """Weight products alone, forward."""
        return sum(part.gemm for part in self.parts)

    @property
    def attention(self) -> float:
        """Scores and values, forward."""
        return sum(part.attention for part in self.parts)

    @property
    def forward(self) -> float:
        """One forward."""
        return sum(part.forward for part in self.parts)

    @property
    def backward(self) -> float:
        """Gradients of inputs and weights; no recomputation."""
        return sum(part.backward for part in self.parts)

    @property
    def once(self) -> float:
        """Forward FLOPs of a pass that do not grow with its tokens; the backward has twice as many."""
        return sum(part.once for part in self.parts)

    @property
    def train(self) -> float:
        """Forward and backward."""
        return self.forward + self.backward

    def figures(self) -> tuple[Figure, ...]:
        """Forward, its attention, and training."""
        how = {"context": self.context, "causal_half": self.causal_half}
        return (
            exact(self.forward, "FLOP / token", "flops.forward", **how),
            exact(self.attention, "FLOP / token", "flops.attention", **how),
            exact(self.train, "FLOP / token", "flops.train", **how),
        )


def flops(counts: Counts, context: int | None = None, *, causal_half: bool = True) -> Flops:
    """FLOPs for each token; `context` S is by default the task's own. Raises ValueError below one token."""
    tokens = counts.design.task.tokens if context is None else context
    if tokens < 1:
        raise ValueError(f"A context of {tokens} tokens is empty. To fix this, choose at least 1.")
    parts = tuple(part_flops(part, tokens, causal_half=causal_half) for part in counts.parts)
    return Flops(parts, tokens, causal_half)


def part_flops(part: PartCount, tokens: int, *, causal_half: bool = True) -> PartFlops:
    """FLOPs for each token of all turns of a part, in a sequence of `tokens` from an empty cache."""
    body = part.placed.part.body if part.placed else None
    keys = mean_keys(part, tokens) if causal_half else tokens
    pairs = 0.0
    if isinstance(body, Mixer):
        every = (tokens + 1) / 2 if causal_half else tokens
        pairs = part.pair_macs * keys + part.scan_macs * every
    # What the data writes needs no gradient: in front of the first layer only weights get one.
    passes = 1 if part.kind == "input" else 2
    scale = 2 * part.times
    gemm, attention, other = scale * part.gemm_macs, scale * pairs, scale * part.token_macs
    backward = passes * gemm + 2 * (attention + other) - scale * part.fixed_macs
    return PartFlops(
        part.pointer, part.kind, gemm, attention, other, backward, 2 * part.times * part.pass_macs
    )


def mean_keys(part: PartCount, tokens: int) -> float:
    """Keys that a query of a sequence of S tokens sees on average, from an empty cache."""
    if part.placed is None or not isinstance(part.placed.part.body, Mixer):
        return 0.0
    body = part.placed.part.body
    reach = int(min(tokens, body.span(tokens)))
    if not part.placed.stack.causal or (isinstance(body, Attention) and body.cross):
        return float(reach)
    if isinstance(body, Attention) and body.chunk == reach:
        # A chunk starts empty; a window only does so at the start of the sequence.
        full, rest = divmod(tokens, reach)
        return (full * reach * (reach + 1) + rest * (rest + 1)) / (2 * tokens)
    return (reach * (reach + 1) / 2 + (tokens - reach) * reach) / tokens
