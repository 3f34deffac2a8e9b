"""Bytes that a design needs to answer and to be trained."""

from __future__ import annotations

from dataclasses import dataclass

from core.cost.count import Counts, PartCount
from core.cost.figure import Figure, exact
from core.cost.formats import Format, Widths, number_format
from core.cost.stored import total_bytes
from core.design.bodies.base import Mixer
from core.design.bodies.moe import Moe

#: AdamW keeps two float32 moments.
MOMENTS = 8
#: What frameworks keep beside the formula, and what they free early: 10 and 90 % factors, a prior.
_ACTIVATION_BAND = (0.8, 1.4)


@dataclass(frozen=True)
class Memory:
    """Rows of a memory table by name, and their sum."""

    rows: tuple[tuple[str, Figure], ...]

    @property
    def total(self) -> Figure:
        """Sum; exact while every row is."""
        figures = [figure for _, figure in self.rows]
        value = sum(f.value for f in figures)
        names = tuple((name, f.value) for name, f in self.rows)
        if all(f.grade == "exact" for f in figures):
            return Figure(value, "bytes", "memory.total", names)
        low = sum(f.value if f.low is None else f.low for f in figures)
        high = sum(f.value if f.high is None else f.high for f in figures)
        return Figure(value, "bytes", "memory.total", names, "prior", low, high)


def weight_bytes(counts: Counts, weights: Widths) -> Figure:
    """Bytes of all parameters, scales included; norms, biases and routers stay at 16 bits or more."""
    return exact(total_bytes(counts, weights), "bytes", "memory.weights", weights=weights.name)


def cache_bytes(counts: Counts, batch: int, context: int, numbers: str = "bf16") -> Figure:
    """Keys and values of `batch` sequences of `context` tokens, windows applied; states in float32."""
    each = counts.kv_elements(context) * number_format(numbers).width / 8 + counts.state_elements() * 4
    return exact(batch * each, "bytes", "memory.kv", batch=batch, context=context, numbers=numbers)


def inference(
    counts: Counts,
    *,
    batch: int = 1,
    context: int | None = None,
    rows: int | None = None,
    weights: Widths,
    numbers: str = "bf16",
    reserved: float = 0.0,
) -> Memory:
    """Weights, cache, and the largest live set of a step over `rows` tokens (decoding: one a sequence)."""
    tokens = counts.design.task.tokens if context is None else context
    live = _live(counts, batch if rows is None else rows, batch, number_format(numbers))
    out = [
        ("weights", weight_bytes(counts, weights)),
        ("cache", cache_bytes(counts, batch, tokens, numbers)),
        ("activations", _prior(live, "memory.inference_peak")),
    ]
    if reserved:
        out.append(("reserved", _prior(reserved, "memory.reserved")))
    return Memory(tuple(out))


def training(
    counts: Counts,
    *,
    batch: int,
    context: int | None = None,
    weights: Widths,
    reserved: float = 0.0,
) -> Memory:
    """One process with AdamW, no recomputation: fp32 throughout, or 16-bit weights with a float32 copy."""
    form = weights.default
    if form.bits < 16:
        raise ValueError(f"Training in {weights.name} is not costed. To fix this, use bf16 or fp32.")
    tokens = batch * (counts.design.task.tokens if context is None else context)
    copy = 0 if form.bits == 32 else 4
    out = [
        ("weights", weight_bytes(counts, weights)),
        ("gradients", exact(counts.total * form.bits // 8, "bytes", "memory.gradients", numbers=form.name)),
        ("optimizer", exact(counts.total * (MOMENTS + copy), "bytes", "memory.optimizer", copy=copy)),
        ("activations", _prior(_kept(counts, tokens, form), "memory.activations")),
    ]
    if reserved:
        out.append(("reserved", _prior(reserved, "memory.reserved")))
    return Memory(tuple(out))


def _prior(value: float, formula: str) -> Figure:
    low, high = _ACTIVATION_BAND
    return Figure(value, "bytes", formula, (), "prior", value * low, value * high)


def _live(counts: Counts, rows: int, answers: int, numbers: Format) -> float:
    """Largest live set of a forward: stream, normed input, and what the widest part holds; or the logits."""
    wide = max((_working(part, counts.design.width) for part in counts.parts), default=0.0)
    stream = rows * (2 * counts.design.width + wide) * numbers.width / 8
    logits = 4.0 * answers * sum(head.outputs for head in counts.design.task.heads_out)
    return max(stream, logits)


def _kept(counts: Counts, tokens: int, form: Format) -> float:
    """Bytes that parts keep for their backward (after arXiv 2205.05198, with flash attention)."""
    width = counts.design.width
    kept = sum(
        part.times * (2 * width + _working(part, width) + _routing(part) * 4 / (form.bits / 8))
        for part in counts.parts
        if part.placed
    )
    task = counts.design.task
    answers = tokens if task.kind == "language_model" else tokens / task.tokens
    head = answers * sum(h.outputs for h in task.heads_out) * (form.bits / 8 + 4)
    return tokens * (width + kept) * form.bits / 8 + head


def _working(part: PartCount, width: int) -> float:
    """Numbers between the input and the output of one turn of a part, for each token."""
    if part.placed is None:
        return 0.0
    body = part.placed.part.body
    if isinstance(body, Mixer):
        weights = [w for w in part.weights if w.gemm and w.role == "mixer" and len(w.shape) > 1]
        # Outputs of all projections but the last, whose input is kept instead.
        return float(sum(w.shape[1] if w.shape[0] == width else w.shape[0] for w in weights))
    # An expert of m matrices holds m hidden vectors: gate, up and their product, or up and its activation.
    fixed = sum(macs for role, macs in part.macs if role in ("dense", "shared")) / width
    outer = body.outer(width) if isinstance(body, Moe) else width
    return fixed + sum(group.rows * (2 * outer + group.macs / outer) for group in part.groups)


def _routing(part: PartCount) -> float:
    """Logits and probabilities of the router, float32."""
    return 2.0 * sum(group.experts for group in part.groups)
