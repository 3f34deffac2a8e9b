"""How a plan spreads a step over devices: what one device computes in a pass, and which one has most.

B sequences, E experts on `ep` devices, K of them for a token.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

from core.cost.count import Counts
from core.cost.parts import PartCount
from core.cost.rates import routed
from core.cost.routing import evenly_visited
from core.cost.scenario import Parallel, Scenario
from core.cost.work import reached
from core.design.bodies.moe import Moe


def here(load: Scenario) -> Scenario:
    """What one device sees of a pass: its copy's share of the sequences, in micro-batches.

    While decoding through `pp` stages, that many micro-batches are under way at once.
    """
    plan = load.parallel
    if load.phase == "train":
        share = load.micro_batch
    else:
        ways = plan.dp * (plan.pp if load.phase == "decode" else 1)
        share = max(1, -(-load.batch // ways))
    return load if share == load.batch else replace(load, batch=share)


def pooled(local: Scenario) -> Scenario:
    """The sequences whose tokens meet one copy of the experts: of all devices that share it."""
    plan = local.parallel
    copies = plan.dp // min(plan.dp, plan.expert_dp)
    return local if copies == 1 else replace(local, batch=local.batch * copies)


@lru_cache(maxsize=256)
def _most_of(n: int) -> float:
    """Expected largest of n standard normal draws (Blom 1958)."""
    return 0.0 if n < 2 else NormalDist().inv_cdf((n - 0.375) / (n + 0.25))


def fullest(rows: float, ep: int) -> float:
    """Rows of the fullest of `ep` devices over their mean, when tokens choose evenly and alone.

    Counts are nearly Poisson: the mean and `Blom` standard deviations.
    """
    mean = rows / ep
    return 1.0 if ep < 2 or mean <= 0 else min(float(ep), 1 + _most_of(ep) * math.sqrt((1 - 1 / ep) / mean))


def most_touched(part: PartCount, load: Scenario, together: float = 1.0) -> tuple[float, ...]:
    """Distinct experts of each group on the device that touches most; experts are dealt out in order.

    Which device it is follows from measured rates; that chance makes one the fullest adds as many standard
    deviations as the largest of `ep` normal draws has, Var <= sum q (1 - q).
    """
    ep, groups = load.parallel.ep, reached(part, load, together)
    if ep < 2:
        return tuple(math.fsum(q * n for q, n in group) for group in groups)
    means = [[0.0] * len(groups) for _ in range(ep)]
    variances, total, first = [0.0] * ep, sum(n for group in groups for _, n in group), 0
    for g, group in enumerate(groups):
        for q, n in group:
            for rank in range(first * ep // total, min(ep, -(-(first + n) * ep // total))):
                inside = min(first + n, (rank + 1) * total / ep) - max(first, rank * total / ep)
                means[rank][g] += q * inside
                variances[rank] += q * (1 - q) * inside
            first += n
    fullest = max(means, key=math.fsum)
    mean = math.fsum(map(math.fsum, means)) / ep
    chance = mean + _most_of(ep) * math.sqrt(math.fsum(variances) / ep)
    scale = min(total / ep, max(chance, math.fsum(fullest))) / max(math.fsum(fullest), 1e-12)
    return tuple(value * scale for value in fullest)


def most_read(part: PartCount, load: Scenario, sizes: Sequence[Sequence[float]], together: float) -> float:
    """Bytes of experts on the device that reads most of them, where each has its own of `sizes`, by group.

    A router that asks all experts reads that share of those, too, that no token chooses.
    """
    ep, groups = load.parallel.ep, part.groups
    asked = [group.always / max(1, group.parameters) for group in groups]
    if ep < 2 or len({size for group in sizes for size in group}) < 2:
        touched, total = most_touched(part, load, together), 0.0
        for most, own, size, group in zip(touched, asked, sizes, groups, strict=True):
            total += sum(size) / max(1, group.experts) * (most + own * (group.experts / ep - most))
        return total
    chances = [[q for q, n in group for _ in range(n)] for group in reached(part, load, together)]
    rows = zip(sizes, chances, asked, strict=True)
    each = [(size, q, own) for group, qs, own in rows for size, q in zip(group, qs, strict=True)]
    means = [size * (q + own * (1 - q)) for size, q, own in each]
    most = _fullest_sum(means, [q * (1 - q) * (size * (1 - own)) ** 2 for size, q, own in each], ep)
    return min(most, max(_dealt([size for size, _, _ in each], ep)))


def _dealt(values: Sequence[float], ep: int) -> list[float]:
    """Sums of experts by device; they are dealt out in order."""
    first = [rank * len(values) // ep for rank in range(ep + 1)]
    return [math.fsum(values[start:stop]) for start, stop in pairwise(first)]


def _fullest_sum(means: Sequence[float], variances: Sequence[float], ep: int) -> float:
    """Expected sum of the fullest device: by what lies there, or by the chance that makes one the fullest."""
    most = _most_of(ep) * math.sqrt(math.fsum(variances) / ep)
    return max(*_dealt(means, ep), math.fsum(means) / ep + most)


def holding(counts: Counts, ep: int) -> float:
    """Parameters of routed experts on the device that holds most of them over an even share."""
    sums = [0.0] * ep
    for part in counts.parts:
        if ep < 2 or len({group.parameters for group in part.groups}) < 2:
            sums = [each + part.times * part.routed / ep for each in sums]
            continue
        sizes = [group.parameters for group in part.groups for _ in range(group.experts)]
        sums = [each + part.times * own for each, own in zip(sums, _dealt(sizes, ep), strict=True)]
    return max(sums) * ep / math.fsum(sums) if any(sums) else 1.0


def crowded(
    part: PartCount, rows: float, ep: int, training: bool, sizes: Sequence[float] | None = None
) -> float:
    """Rows that the fullest device computes over an even share of `rows`, those that tokens ask for.

    With the `sizes` of a row in each group: of these. The device fullest in one size need not be so in
    another; together they are a bound that no device exceeds, and met where experts are asked alike.
    Experts padded to a capacity are all equally full. Others hold what was measured, else what chance makes.
    """
    bank = routed(part.placed.part.body, training) if part.placed else None
    padded = None if bank is None else bank.router.capacity
    factor = None if padded is None else padded.train if training else padded.eval
    turns = [group.turns for group in part.groups]
    counted = [group.experts for group in part.groups]
    if ep < 2 or sizes is None or len(set(sizes)) < 2:
        if factor is not None:
            return factor
        if ep > 1 and all(turns):
            return heaviest([[p for each in turn for p in each] for turn in zip(*turns, strict=True)], ep)
        return fullest(rows, ep)
    own = [size for size, n in zip(sizes, counted, strict=True) for _ in range(n)]
    if factor is not None:
        return factor * max(_dealt(own, ep)) * ep / math.fsum(own)
    if all(turns):
        found = ([p for each in turn for p in each] for turn in zip(*turns, strict=True))
        return heaviest([[p * size for p, size in zip(turn, own, strict=True)] for turn in found], ep)
    share = rows / sum(group.rows for group in part.groups)
    asked = [share * group.rows / group.experts for group in part.groups for _ in range(group.experts)]
    means = [n * size for n, size in zip(asked, own, strict=True)]
    spread = [(1 - 1 / ep) * n * size * size for n, size in zip(asked, own, strict=True)]
    return min(float(ep), _fullest_sum(means, spread, ep) * ep / math.fsum(means))


def heaviest(turns: Sequence[Sequence[float]], ep: int) -> float:
    """Load of the fullest of `ep` devices over the mean, as measured: worst device of each turn, averaged."""
    loads = [_dealt(turn, ep) for turn in turns]
    mean = math.fsum(map(math.fsum, loads)) / ep
    return math.fsum(map(max, loads)) / mean if mean else 1.0


def visited(part: PartCount, ep: int) -> float:
    """Devices that a token's experts lie on; a router that picks islands first reaches only theirs."""
    body = part.placed.part.body if part.placed else None
    bank = routed(body) if body is not None else None
    if bank is None or ep < 2 or bank.experts % ep:
        return float(min(ep, 1 if bank is None else bank.experts))
    islands, reach = (
        (body.islands, bank.router.select.reach(body.islands)) if isinstance(body, Moe) else (1, 1)
    )
    devices = max(1, ep * reach // islands) if ep >= islands else ep
    return evenly_visited(devices, bank.experts // ep, min(bank.chosen, devices * (bank.experts // ep)))


def stages(counts: Counts, plan: Parallel) -> dict[str, dict[int, int]]:
    """Turns of each part in each stage, by its pointer: layers are dealt out in order, equally many each."""
    depth, first = counts.design.depth, 0
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for s, stack in enumerate(counts.design.stacks):
        for r, repeat in enumerate(stack.layers):
            for p, layer in enumerate(repeat.pattern):
                at = Counter(
                    (first + turn * len(repeat.pattern) + p) * plan.pp // depth
                    for turn in range(repeat.times)
                )
                for i in range(len(layer.parts)):
                    found[f"/stacks/{s}/layers/{r}/pattern/{p}/parts/{i}"] = dict(at)
            first += repeat.times * len(repeat.pattern)
    return found
