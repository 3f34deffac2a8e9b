"""What colours the drawing: shares of parameters, of FLOPs and of time, part by part and expert by expert."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from components.canvas.heat import Heat
from core.cost.count import Counts, count
from core.cost.estimate import STRIP, STRIP_CONTEXT, Estimate, estimate
from core.cost.flops import flops
from core.cost.format import THIN
from core.cost.op import Op
from core.cost.parts import GroupCount, PartCount
from core.cost.work import hits
from core.design.bodies.moe import Moe
from core.design.spec import Design

#: Quantities that follow from the design alone, with the words of the menu.
QUANTITIES = {
    "parameters": "Share of parameters",
    "flops": "Share of active FLOPs",
    "latency": "Share of time",
}


@dataclass(frozen=True)
class Shares:
    """What each part takes of a quantity, all its turns together, and one expert of each group."""

    parts: Mapping[str, float]
    experts: Mapping[str, float]
    whole: float


def heat_of(design: Design, key: str, opened: Collection[str] = ()) -> Heat:
    """The colours of `design` by the quantity `key`; an opened MoE layer is coloured by its experts.

    Raises KeyError for another quantity.
    """
    counts = count(design)
    title, of = QUANTITIES[key], {"parameters": "model", "flops": "token’s FLOPs", "latency": "time"}[key]
    if key == "latency":
        found = _estimate(design)
        shares, title = _latency(counts, found), f"{title}, {found.title}"
        of += "" if found.fits else ", if it fitted"
    else:
        shares = _parameters(counts) if key == "parameters" else _flops(counts)
    shown = {target: value for target, value in shares.parts.items() if target not in opened}
    shown |= {
        target: value for target, value in shares.experts.items() if target.split("/body/")[0] in opened
    }
    top = max(shown.values(), default=0.0)
    values = {
        target: (value / top if top else 0.0, percent(value / shares.whole if shares.whole else 0.0))
        for target, value in shown.items()
    }
    high = percent(top / shares.whole if shares.whole else 0.0)
    return Heat(key, title, "0", f"{high} of the {of}", values)


def percent(share: float) -> str:
    """A share for a small box: whole percents, tenths below one."""
    if 0 < share < 0.0005:
        return f"<0.1{THIN}%"
    return f"{100 * share:.{0 if share >= 0.00995 or not share else 1}f}{THIN}%"


def _home(counts: Counts, part: PartCount) -> str:
    """The row that a part is drawn in: both ends of the model hold what is no part of a layer."""
    if part.placed is not None:
        return part.pointer
    if part.kind in ("input", "embedding"):
        return "/task"
    return "/embedding" if counts.design.task.kind == "language_model" else "/task/heads"


def _parameters(counts: Counts) -> Shares:
    parts: dict[str, float] = defaultdict(float)
    experts: dict[str, float] = {}
    for part in counts.parts:
        parts[_home(counts, part)] += part.times * part.parameters
        experts |= {group.pointer: part.times * group.parameters for group in part.groups}
        for pointer, _, parameters, _ in _shared(counts, part):
            experts[pointer] = part.times * parameters
    return Shares(parts, experts, counts.total)


def _flops(counts: Counts) -> Shares:
    """Forward FLOPs of a token, of sequences as long as those of the cost strip."""
    context = min(counts.design.task.tokens, STRIP_CONTEXT)
    parts: dict[str, float] = defaultdict(float)
    experts: dict[str, float] = {}
    found = flops(counts, context)
    for part, each in zip(counts.parts, found.parts, strict=True):
        parts[_home(counts, part)] += each.forward
        for group in part.groups:
            experts[group.pointer] = 2 * part.times * group.token_macs / group.experts
        for pointer, _, _, macs in _shared(counts, part):
            experts[pointer] = 2 * part.times * macs
    return Shares(parts, experts, found.forward)


def _estimate(design: Design) -> Estimate:
    """The first target of the cost strip, asked as the strip asks it."""
    target, weights = STRIP[0]
    phase = "decode" if design.task.causal_loss else "prefill"
    context = min(design.task.tokens, STRIP_CONTEXT)
    return estimate(design, target, phase=phase, context=context, weights=weights)


def _latency(counts: Counts, found: Estimate) -> Shares:
    """Seconds of each part's operators, which equal parts of a step have together.

    Experts of a layer are one operator, which they share by what they make it read, or by what they make it
    compute where that bounds it.
    """
    placed = {part.pointer: part for part in counts.parts if part.placed is not None}
    ends = {"embedding": "/task", "head": _home(counts, counts.parts[-1])}
    # What has no operator takes no time: an expert that does nothing, an encoder while a decoder decodes.
    parts: dict[str, float] = defaultdict(float, dict.fromkeys(placed, 0.0))
    experts = {group.pointer: 0.0 for part in placed.values() for group in part.groups}
    experts |= {pointer: 0.0 for part in placed.values() for pointer, *_ in _shared(counts, part)}
    alike = counts.alike()
    for op in found.ops:
        if op.pointer not in placed:
            parts[ends.get(op.name, op.pointer)] += op.seconds
            continue
        same = alike[op.pointer]
        turns = sum(part.times for part in same)
        for part in same:
            seconds = op.seconds * part.times / turns if turns else 0.0
            parts[part.pointer] += seconds
            for pointer, share in _inside(counts, part, found, op):
                experts[pointer] = seconds * share
    return Shares(parts, experts, found.step.value)


def _inside(counts: Counts, part: PartCount, found: Estimate, op: Op) -> Iterator[tuple[str, float]]:
    """What one expert of each group takes of an operator's time; nothing of any but the experts' own."""
    if op.name == "experts":
        weights = _asked(part, found, op.bound == "compute")
        counted = {group.pointer: group.experts for group in part.groups}
    elif op.name == "shared":
        weights = {pointer: copies * macs for pointer, copies, _, macs in _shared(counts, part)}
        counted = {pointer: copies for pointer, copies, _, _ in _shared(counts, part)}
    else:
        return
    whole = sum(weights.values())
    for pointer, weight in weights.items():
        yield pointer, weight / whole / counted[pointer] if whole else 0.0


def _asked(part: PartCount, found: Estimate, compute: bool) -> dict[str, float]:
    """What each expert group asks of its operator: multiply-adds, or parameters of the experts it touches."""

    def each(group: GroupCount, hit: float) -> float:
        return group.rows * group.macs if compute else hit * group.parameters

    touched = hits(part, found.load)
    return {g.pointer: each(g, hit) for g, hit in zip(part.groups, touched, strict=True)}


def _shared(counts: Counts, part: PartCount) -> list[tuple[str, int, int, int]]:
    """Groups of shared experts: pointer, experts, and parameters and multiply-adds of one."""
    body = part.placed.part.body if part.placed else None
    if not isinstance(body, Moe):
        return []
    outer = body.outer(counts.design.width)
    return [
        (f"{part.pointer}/body/shared/{g}", group.count, group.parameters(outer), group.macs(outer))
        for g, group in enumerate(body.shared)
    ]
