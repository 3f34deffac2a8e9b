"""What devices of a plan send each other in a pass and in a step: bytes inside a node, bytes beyond, hops.

n devices of a group, T tokens of a device, D width, b bytes of a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from core.cost.count import Counts
from core.cost.devices.base import Processor
from core.cost.efficiency import Constants
from core.cost.formats import number_format
from core.cost.parts import PartCount
from core.cost.rates import routed
from core.cost.scenario import Scenario
from core.cost.spread import fullest, here, holding, pooled, visited
from core.design.bodies.moe import Moe

#: Bytes/s between devices that no link joins: an adapter of 100 Gb/s, a prior.
_LAN = 12.5e9
#: Bytes a parameter sends when copies of the batch agree: float32 gradients out, 16-bit weights back.
_SYNC = 6


@dataclass(frozen=True)
class Message:
    """One kind of collective: `times` a pass (or a step), bytes of one device, doublings of its group."""

    name: str
    times: float
    inside: float
    outside: float
    hops: float

    @property
    def bytes(self) -> float:
        """Bytes that leave a device each time."""
        return self.inside + self.outside

    def seconds(self, on: Processor, c: Constants) -> float:
        """All its turns. Inside and beyond a node run at once."""
        link = (on.link or on.pcie or _LAN) * c.values["link"]
        far = on.network * c.values["link"]
        return self.times * (max(self.inside / link, self.outside / far) + self.hops * c.values["hop"])


def messages(counts: Counts, load: Scenario, on: Processor) -> tuple[Message, ...]:
    """Collectives of one pass of the busiest stage (while serving: of all stages)."""
    return tuple(_messages(counts, load, on)) if load.parallel.devices > 1 else ()


def _messages(counts: Counts, load: Scenario, on: Processor) -> Iterator[Message]:
    plan, local = load.parallel, here(load)
    number, width = number_format(load.numbers).width / 8, counts.design.width
    training = load.phase == "train"
    passes = (2 + (load.training.recompute == "full")) if training else 1
    share = passes / plan.pp if training else 1
    stream = local.rows * width * number
    parts = sum(part.times for part in counts.parts if part.placed)
    if plan.tp > 1:
        sent = 2 * (plan.tp - 1) / plan.tp * stream
        yield _between("all-reduce", parts * share, sent, plan.tp, plan.tp, on)
    if plan.ep > 1 and plan.dp > 1:
        for part in counts.parts:
            if part.groups:
                yield _exchange(counts, part, load, on, part.times * share)
    if plan.pp > 1:
        # Stages stand in different nodes once the others fill one.
        apart = plan.tp * plan.dp * 2 > on.node
        turns = 2.0 if training else float(plan.pp - 1)
        yield Message("between stages", turns, 0.0 if apart else stream, stream if apart else 0.0, 1)


def _between(name: str, times: float, sent: float, group: int, span: int, on: Processor) -> Message:
    """A ring of `group` devices among `span`: beyond one node every byte passes the slower links too."""
    return Message(name, times, sent, 0.0 if span <= on.node else sent, math.log2(group))


def _exchange(counts: Counts, part: PartCount, load: Scenario, on: Processor, turns: float) -> Message:
    """All-to-all there and back. A token goes once to each device, and beyond its node once to each node."""
    plan, local = load.parallel, here(load)
    body = part.placed.part.body if part.placed else None
    width = body.outer(counts.design.width) if isinstance(body, Moe) else counts.design.width
    token = width * number_format(load.numbers).width / 8 * local.rows / plan.tp
    bank = routed(body) if body is not None else None
    uneven = fullest(pooled(local).rows * (bank.chosen if bank else 1.0), plan.ep)
    nodes = -(-plan.ep // on.node)
    away = visited(part, plan.ep) * (plan.ep - 1) / plan.ep
    beyond = visited(part, nodes) * (nodes - 1) / nodes if nodes > 1 else 0.0
    return Message(
        "all-to-all", 2 * turns, token * away * uneven, token * beyond * uneven, math.log2(plan.ep)
    )


def gradients(counts: Counts, load: Scenario, on: Processor) -> tuple[Message, ...]:
    """What copies of the batch send once a step: all parameters by `dp`, experts by their smaller group."""
    plan = load.parallel
    if load.phase != "train":
        return ()
    experts = sum(part.times * part.routed for part in counts.parts)
    plain = (counts.total - experts) / plan.tp / plan.pp
    each = holding(counts, plan.ep) * experts / (plan.ep * plan.expert_tp) / plan.pp
    again = 2 if load.training.zero == 3 else 1
    found = []
    span = plan.tp * plan.dp
    for name, size, group in (("gradients", plain, plan.dp), ("expert gradients", each, plan.expert_dp)):
        if group > 1 and size:
            found.append(_between(name, again, _SYNC * size * (group - 1) / group, group, span, on))
    return tuple(found)
