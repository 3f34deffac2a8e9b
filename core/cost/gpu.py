"""Seconds of a step on GPUs or CPUs: a roofline for each operator, never for the model as a whole.

time = FLOPs / (F eta_f) + bytes / (BW eta_b) + kernels * launch (`core.cost.efficiency`). Phases: `prefill`
reads B*S new tokens into an empty cache, `decode` adds one token to each of B sequences that stand at C,
`train` is one optimizer step. On several devices: the busiest one, and what they send each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.cost.count import Counts
from core.cost.devices.base import Processor
from core.cost.efficiency import Class, Constants, fitted, seconds, software, table
from core.cost.figure import Grade
from core.cost.network import Message, gradients, messages
from core.cost.offload import away, staying, updated_away
from core.cost.op import Bound, Op, op
from core.cost.optimizers import optimizer
from core.cost.scenario import Scenario
from core.cost.spread import holding
from core.cost.works import Stages, Work, summed, works

#: Bytes of a parameter that an optimizer moves in mixed precision beside its states, and FLOPs: it reads the
#: gradient and the float32 copy, and writes that and the 16-bit weight.
_MOVED, _FLOPS = 14, 12


@dataclass(frozen=True)
class Step:
    """Operators of one step over `tokens` tokens on the busiest device, and the host's share.

    `low` and `high` are the 10 and 90 % marks of the seconds, `software` the class whose constants hold.
    """

    ops: tuple[Op, ...]
    tokens: float
    host: float
    low: float
    high: float
    grade: Grade
    software: Class

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return sum(op.seconds for op in self.ops) + self.host

    @property
    def shares(self) -> dict[Bound, float]:
        """Seconds of the step by what they are spent on; they add up to all of it."""
        found: dict[Bound, float] = defaultdict(float)
        for each in self.ops:
            if each.bound == "network":
                found["network"] += each.seconds
            else:
                found["compute"] += each.compute
                found["memory"] += each.memory
                found["overhead"] += each.launch
        found["overhead"] += self.host
        return dict(found)

    @property
    def bound(self) -> Bound:
        """What takes most of the step."""
        shares = self.shares
        return max(shares, key=lambda name: shares[name])


def step(counts: Counts, load: Scenario, on: Processor, constants: Constants | None = None) -> Step:
    """All operators of one step of `load`, each device an `on`."""
    c, sums = constants or fitted(), summed(counts, load)
    return timed(works(sums, load, c.values["together"]), sums, load, on, c)


def timed(stages: Stages, counts: Counts, load: Scenario, on: Processor, c: Constants) -> Step:
    """The same from operators that were laid out before: for many devices at once."""
    kind = software(load, on)
    training = load.phase == "train"
    passes = load.micro_batches if training else 1
    staged = [_ops(stage, load, on, c, kind, passes) for stage in stages]
    # Serving, a token passes all stages one after the other; in training they work at once.
    ops = max(staged, key=_sum) if training else [op for stage in staged for op in stage]
    ops += [_sent(message, on, c, passes) for message in messages(counts, load, on)]
    if training:
        if load.parallel.pp > 1:
            idle = _sum(ops) * (load.parallel.pp - 1) / passes
            ops.append(Op("pipeline fills and drains", "", 0.0, 0.0, idle, "overhead", launch=idle))
        open_share = 1 - c.values["overlap"]
        ops += [_sent(message, on, c, open_share) for message in gradients(counts, load, on)]
        ops += _optimizer(counts, load, on, c)
    host = c.of("step", kind)
    whole = _sum(ops) + host
    low, high, grade = c.band(load, on, kind)
    return Step(tuple(ops), load.rows, host, whole * low, whole * high, grade, kind)


def _sum(ops: Sequence[Op]) -> float:
    return sum(op.seconds for op in ops)


def _ops(
    stage: Sequence[Work], load: Scenario, on: Processor, c: Constants, kind: Class, passes: int
) -> list[Op]:
    """Operators of all passes through one stage."""
    stays = stage if load.offload is None else staying(stage, load.offload)
    rows = table(stays, load, on, kind)
    compute, memory = seconds(rows, c, kind, on.bandwidth)
    launch = c.launch(load, kind)
    found = []
    for work, computes, moves in zip(stays, compute.tolist(), memory.tolist(), strict=True):
        n = work.times * passes
        found.append(
            op(
                work.name, work.pointer, n * work.flops, n * work.bytes,
                n * computes, n * moves, n * (work.kernels * launch),
            )
        )  # fmt: skip
    return found if load.offload is None else [*found, *away(stage, load, on, c, passes)]


def _sent(message: Message, on: Processor, c: Constants, times: float) -> Op:
    """A collective as an operator, `times` over."""
    took = times * message.seconds(on, c)
    return Op(message.name, "", 0.0, times * message.times * message.bytes, took, "network")


def _optimizer(counts: Counts, load: Scenario, on: Processor, c: Constants) -> list[Op]:
    moved, gone = _optimizer_parts(counts, load)
    took = moved / (on.bandwidth * c.values["memory"])
    plain, experts, tables = _updated(counts, load)
    flops = _FLOPS * (plain + load.kept * experts + tables)
    here = [Op("optimizer", "", flops, moved, took, "memory", memory=took)]
    return [*here, *updated_away(gone, load, on, c)]


def optimizer_bytes(counts: Counts, load: Scenario) -> float:
    """Bytes of an optimizer step on one device: states are read and written. Muon's products are left out."""
    return sum(_optimizer_parts(counts, load))


def _optimizer_parts(counts: Counts, load: Scenario) -> tuple[float, float]:
    """Of parameters on the device, and of those that were moved away."""
    keeps = optimizer(load.training.optimizer)
    plain, experts, tables = _updated(counts, load)
    inner, outer = _MOVED + 2 * keeps.matrix, _MOVED + 2 * keeps.other
    return (plain + load.kept * experts) * inner + tables * outer, (1 - load.kept) * experts * inner


def _updated(counts: Counts, load: Scenario) -> tuple[float, float, float]:
    """Parameters that a device updates: in layers, of experts, of embedding and head. ZeRO cuts them."""
    plan, roles = load.parallel, dict(counts.by_role)
    tables = roles.get("embedding", 0) + roles.get("head", 0)
    experts = sum(part.times * part.routed for part in counts.parts)
    copies = (plan.dp, plan.expert_dp) if load.training.zero else (1, 1)
    cut = plan.tp * copies[0] * plan.pp
    each = holding(counts, plan.ep) * experts / (plan.ep * plan.expert_tp * copies[1] * plan.pp)
    return (counts.total - experts - tables) / cut, each, tables / cut
