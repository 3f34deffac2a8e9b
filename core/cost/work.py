"""What a step asks of each part, whatever runs it: tokens, keys a query meets, experts that are touched."""

from __future__ import annotations

import math
from collections.abc import Iterator

from core.cost.count import Counts
from core.cost.coverage import even_variance, hit
from core.cost.flops import mean_keys
from core.cost.parts import GroupCount, PartCount
from core.cost.rates import routed
from core.cost.scenario import Phase, Scenario
from core.design.bodies.base import Mixer


def running(counts: Counts, phase: Phase) -> Iterator[PartCount]:
    """Parts that work in a phase: while decoding, an encoder has done its work."""
    last = counts.design.stacks[-1]
    return (p for p in counts.parts if phase != "decode" or p.placed is None or p.placed.stack is last)


def answers(counts: Counts, load: Scenario) -> int:
    """Rows of the head: every token where each is asked for, only the last one when a text is served."""
    task = counts.design.task
    every = task.answers_tokens and (load.phase == "train" or not task.causal_loss)
    return load.rows if every else load.batch


def pairs(counts: Counts, part: PartCount, body: Mixer, load: Scenario) -> tuple[float, float]:
    """Keys that each query of a step meets on average, and multiply-adds for each of them.

    What a query spends on keys that it does not pick is shared among those it meets.
    """
    width = counts.design.width
    if load.phase == "decode":
        keys, every, each = body.span(load.context), float(load.context), body.cached_pair_macs(width)
    else:
        keys, every, each = mean_keys(part, load.context), (load.context + 1) / 2, part.pair_macs
    return keys, each + part.scan_macs * every / max(1.0, keys)


def hits(part: PartCount, load: Scenario, together: float = 1.0) -> tuple[float, ...]:
    """Distinct experts that a step touches, for each group of a part; `together` as for `reached`."""
    return tuple(math.fsum(q * n for q, n in group) for group in reached(part, load, together))


#: Chance to be touched in a step, and how many experts that follow each other share it.
Reached = tuple[tuple[float, int], ...]


def reached(part: PartCount, load: Scenario, together: float = 1.0) -> tuple[Reached, ...]:
    """Chance of each expert to be touched at all, for each group of a part; means over measured turns.

    T tokens count as T**`together` independent ones where the scenario states no correlation.
    """
    bank = routed(part.placed.part.body) if part.placed else None
    if bank is None:
        return ()
    if not bank.router.combine.selects:
        # Every expert has a share in whatever comes.
        return tuple(((1.0, group.experts),) for group in part.groups)
    if bank.router.select.exact(load.phase == "train"):
        told = ((group, group.rows * load.rows / group.experts) for group in part.groups)
        return tuple(((min(1.0, q), group.experts),) for group, q in told)
    made = decisions(part, load) ** (load.correlation or together)
    return tuple(_reached(group, made) for group in part.groups)


def variance(part: PartCount, load: Scenario) -> float:
    """Variance of the distinct experts of one turn of a part: exact for an even choice, else at most this."""
    bank = routed(part.placed.part.body) if part.placed else None
    if bank is None or not bank.router.combine.selects or bank.router.select.exact(load.phase == "train"):
        return 0.0
    if any(group.turns for group in part.groups):
        return math.fsum(n * q * (1 - q) for group in reached(part, load) for q, n in group)
    made = decisions(part, load) ** (load.correlation or 1.0)
    return even_variance(bank.experts, min(sum(group.rows for group in part.groups), bank.experts), made)


def decisions(part: PartCount, load: Scenario) -> int:
    """Routing decisions of a step by the router's scope: for each token, each sequence, or the whole batch.

    Sequences of one task decide alike; how many tasks a batch mixes is not known, so each counts. A selection
    that draws may hold for more than the router's scope.
    """
    bank = routed(part.placed.part.body) if part.placed else None
    if bank is None:
        return load.rows
    scope = bank.router.select.span(load.phase == "train") or bank.router.scope
    if scope == "batch":
        return 1
    if scope == "position" and load.phase != "decode":
        return load.context
    return load.batch if scope in ("example", "task") else load.rows


def _reached(group: GroupCount, made: float) -> Reached:
    if not group.turns:
        # Rows above one an expert touch it every time.
        return ((hit(min(1.0, group.rows / group.experts), made), group.experts),)
    each = zip(*([hit(min(1.0, p), made) for p in turn] for turn in group.turns), strict=True)
    return tuple((math.fsum(turns) / len(group.turns), 1) for turns in each)
