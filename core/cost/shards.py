"""What lies on one device of a plan: turns of parts in a stage, and a share of their weights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from core.cost.count import Counts
from core.cost.parts import PartCount
from core.cost.scenario import Parallel
from core.cost.spread import stages
from core.cost.stored import Size, expert_sizes
from core.design.bodies.base import Mixer

#: Parts of a pipeline stage, and how often each turns there.
Stage = tuple[tuple[PartCount, int], ...]


@dataclass(frozen=True)
class Shard:
    """Bytes of one stage: `plain` on each device, `experts` of each of its expert-parallel ranks."""

    plain: float
    experts: tuple[float, ...]

    @property
    def most(self) -> float:
        """Of the fullest device."""
        return self.plain + max(self.experts)

    @property
    def imbalance(self) -> float:
        """Fullest device over the mean."""
        mean = self.plain + sum(self.experts) / len(self.experts)
        return self.most / mean if mean else 1.0


def staged(counts: Counts, plan: Parallel) -> tuple[Stage, ...]:
    """Parts of each pipeline stage with their turns there, in order."""
    if plan.pp == 1:
        return (tuple((part, part.times) for part in counts.parts),)
    placed = stages(counts, plan)
    out: list[list[tuple[PartCount, int]]] = [[] for _ in range(plan.pp)]
    for part in counts.parts:
        end = plan.pp - 1 if part.kind in ("head", "stack") else 0
        for stage, turns in placed.get(part.pointer, {end: part.times}).items():
            out[stage].append((part, turns))
    return tuple(map(tuple, out))


def shard(stage: Stage, plan: Parallel, size: Size, *, apart: bool = False) -> Shard:
    """Bytes of a stage by `size` of its tensors; `apart`: experts of a group may differ."""
    plain, experts = 0.0, [0.0] * plan.ep
    for part, turns in stage:
        mine, each = _one(part, plan, size, apart)
        plain += turns * mine
        for rank, value in enumerate(each):
            experts[rank] += turns * value
    return Shard(plain, tuple(experts))


def _one(part: PartCount, plan: Parallel, size: Size, apart: bool) -> tuple[float, list[float]]:
    """Bytes of one turn of a part: on every device, and of experts by expert-parallel rank."""
    body = part.placed.part.body if part.placed else None
    whole = body.whole_weights() if isinstance(body, Mixer) else ()
    plain = 0.0
    for weight in part.weights:
        if part.groups and weight.role == "expert":
            continue
        cut = plan.tp if weight.narrows and weight.name not in whole else 1
        plain += weight.copies * size(weight, (part.pointer,)) / cut
    return plain, _dealt(part, plan, size, apart)


def _dealt(part: PartCount, plan: Parallel, size: Size, apart: bool) -> list[float]:
    """Bytes of routed experts by rank: experts are dealt out in order, each cut `expert_tp` ways."""
    groups = range(len(part.groups))
    each = [value for i in groups for value in expert_sizes(part, i, size, apart=apart)]
    first = [rank * len(each) // plan.ep for rank in range(plan.ep + 1)]
    return [sum(each[start:stop]) / plan.expert_tp for start, stop in pairwise(first)]
