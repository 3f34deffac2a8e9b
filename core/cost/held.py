"""What a part holds between its input and its output, for each token: live in a forward, kept for a backward.

After arXiv 2205.05198 with flash attention and without dropout; its MLP replaced by router and experts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.cost.parts import PartCount
from core.cost.scenario import Parallel, Recompute
from core.cost.spread import crowded
from core.design.bodies.base import Mixer
from core.design.bodies.dense import Dense
from core.design.bodies.moe import Moe

#: Router logits and their probabilities, float32.
_ROUTER = 2


@dataclass(frozen=True)
class Held:
    """Numbers of one turn of a part for each token of a device.

    `stream` are its inputs before and after norms, `inner` what projections and dense experts put out, `rows`
    what its routed experts read and put out, `hidden` their inside, `single` float32 numbers. `cheap` are
    those that a selective recomputation drops: normed inputs, and products of gates.
    """

    stream: float = 0.0
    inner: float = 0.0
    rows: float = 0.0
    hidden: float = 0.0
    single: float = 0.0
    cheap: float = 0.0

    def numbers(self, recompute: Recompute = "none") -> float:
        """Those of the activation's format."""
        dropped = self.cheap if recompute == "selective" else 0.0
        return self.stream + self.inner + self.rows + self.hidden - dropped


def held(part: PartCount, width: int, plan: Parallel, tokens: float, *, training: bool = False) -> Held:
    """What a device of `plan` holds for one of its `tokens` tokens; sequences lie cut across `tp` too.

    `rows` are those of the device whose experts get most of them.
    """
    if part.placed is None:
        return Held()
    body, norms = part.placed.part.body, part.placed.part.norm
    inputs = width * (1 + len(tuple(norms.names())))
    normed = inputs - width
    if isinstance(body, Mixer) and not part.groups:
        return Held(inputs / plan.tp, body.kept_elements(width) / plan.tp, cheap=normed / plan.tp)
    fixed = sum(macs for role, macs in part.macs if role in ("dense", "shared", "mixer")) / width
    outer = body.outer(width) if isinstance(body, Moe) else width
    groups = part.groups
    share, wide, inside = (
        _share(part, plan, tokens, training, sizes)
        for sizes in (None, [group.macs for group in groups], [group.hidden for group in groups])
    )
    rows = share * sum(group.rows for group in groups) * 2 * outer
    hidden = wide * sum(group.rows * group.macs for group in groups) / outer / plan.expert_tp
    products = inside * sum(g.rows * g.hidden for g in groups) / plan.expert_tp + _dense(part) / plan.tp
    single = _ROUTER * sum(group.experts for group in part.groups) / plan.tp
    cheap = normed / plan.tp + products
    return Held(inputs / plan.tp, fixed / plan.tp, rows, hidden, single, cheap)


def _dense(part: PartCount) -> float:
    """Hidden width of experts that every token visits."""
    body = part.placed.part.body if part.placed else None
    if isinstance(body, Dense):
        return body.expert.inner
    return sum(e.inner * e.count for e in body.shared) if isinstance(body, Moe) else 0.0


def _share(
    part: PartCount, plan: Parallel, tokens: float, training: bool, sizes: Sequence[float] | None
) -> float:
    """Rows (or these `sizes` of them) of experts on the fullest device over those its own tokens ask for."""
    if not part.groups:
        return 0.0
    # Copies of the batch that share one copy of the experts send their tokens to it.
    pooled = plan.dp // min(plan.dp, plan.expert_dp)
    rows = pooled * tokens * sum(group.rows for group in part.groups)
    return pooled / plan.ep * crowded(part, rows, plan.ep, training, sizes)
