"""What an estimate says in one sentence, and its operators by name."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from components.charts.cost import Dot
from components.words import humanise
from core.cost.count import Counts
from core.cost.estimate import Estimate
from core.cost.format import count as exactly
from core.cost.format import letters, percent, seconds, show, size
from core.cost.formulas import FORMULAS
from core.cost.op import Op
from core.cost.routing import routing_figures
from core.design.plan import Plan
from core.design.suited import suited

_WAITS = {
    "memory": "waits for memory",
    "compute": "computes",
    "overhead": "is launch overhead",
    "network": "waits for transfers",
}
#: What a step is mostly spent on, in words.
BOUNDS = {"memory": "memory", "compute": "computing", "overhead": "launches", "network": "transfers"}
GROUPS = ("Launch and host", "Attention and cache", "Shared, dense, head, other", "Experts")


def cached(counts: Counts, context: int) -> str:
    """`A token leaves 36.9 k numbers in the cache, 18.4 k of them with windows applied`; "" without one."""
    whole, near = counts.cached(), counts.cached(context)
    if not whole.value:
        return ""
    said = f"A token leaves {letters(whole.value)} numbers in the cache"
    if near.value == whole.value:
        return f"{said}; no window shortens it at {exactly(context)} tokens."
    return f"{said}; with windows applied, {letters(near.value)} on average over {exactly(context)} tokens."


@dataclass(frozen=True)
class Named:
    """Operators of one name in all layers."""

    name: str
    flops: float
    bytes: float
    seconds: float
    bound: str


def by_name(ops: Sequence[Op]) -> tuple[Named, ...]:
    """Operators summed by name, the longest first; the bound is that of most of their time."""
    together: dict[str, list[Op]] = defaultdict(list)
    for op in ops:
        together[op.name].append(op)
    rows = [
        Named(
            humanise(name),
            sum(op.flops for op in mine),
            sum(op.bytes for op in mine),
            sum(op.seconds for op in mine),
            _longest(mine),
        )
        for name, mine in together.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.seconds))


def _longest(ops: Sequence[Op]) -> str:
    time: dict[str, float] = defaultdict(float)
    for op in ops:
        time[op.bound] += op.seconds
    return max(time, key=lambda bound: time[bound])


def dots(found: Estimate) -> list[Dot]:
    """Operators that compute on the device, as dots of its roofline."""
    total = found.step.value
    here = [op for op in found.ops if not op.elsewhere]
    return [
        Dot(row.name, row.flops / row.bytes, row.flops / row.seconds, row.seconds / total)
        for row in by_name(here)
        if row.bytes and row.seconds
    ]


def what_bounds(found: Estimate) -> str:
    """`Every part waits for memory; experts take 44 % of the step`."""
    total = found.step.value
    time: dict[str, float] = defaultdict(float, {"overhead": found.host})
    for op in found.ops:
        time[op.bound] += op.seconds
    bound, most = max(time.items(), key=lambda item: item[1])
    share = most / total if total else 0.0
    who = "All of the step" if share > 0.97 else f"{percent(share)} of the step"
    longest = by_name(found.ops)[0]
    name = longest.name.lower()
    return f"{who} {_WAITS[bound]}; {name} {takes(name)} {percent(longest.seconds / total)} of it"


def takes(name: str) -> str:
    """The verb after an operator's name: experts take, attention takes."""
    several = name.endswith("s") or " and " in name or name.lower().startswith("experts")
    return "take" if several else "takes"


def operators(found: Estimate) -> pd.DataFrame:
    """Operators by name as a table; the host's share is a row of its own."""
    rows = [
        {
            "Operator": row.name,
            "Time": seconds(row.seconds),
            "Share": percent(row.seconds / found.step.value),
            "GFLOP": row.flops / 1e9,
            "Moved": size(row.bytes),
            "FLOP per byte": row.flops / row.bytes if row.bytes else 0.0,
            "Bound": row.bound,
        }
        for row in by_name(found.ops)
    ]
    if found.host:
        share = percent(found.host / found.step.value)
        host = {"Operator": "Host", "Time": seconds(found.host), "Share": share, "Bound": "overhead"}
        rows.append({**host, "GFLOP": 0.0, "Moved": "–", "FLOP per byte": 0.0})
    return pd.DataFrame(rows)


def spent(found: Estimate) -> pd.DataFrame:
    """Seconds of the step by what they are spent on, and how each follows."""
    local = [op for op in found.ops if op.bound != "network"]
    sent = sum(op.seconds for op in found.ops if op.bound == "network")
    rows = (
        ("computing", sum(op.compute for op in local), "FLOPs / (peak × share that arrives)"),
        ("memory", sum(op.memory for op in local), "bytes / (bandwidth × share that arrives)"),
        ("launches", sum(op.launch for op in local), "kernels × seconds between them"),
        ("transfers", sent, "hops × latency + bytes / link"),
        ("the host", found.host, "a constant of the software"),
    )
    return pd.DataFrame(
        [
            {"Spent on": name, "Time": seconds(value), "Share": percent(value / found.step.value), "How": how}
            for name, value, how in rows
            if value
        ]
    )


def grouped(found: Estimate) -> dict[str, float]:
    """Seconds by what they are spent on; an operator bound by its launch counts as launch."""
    out = dict.fromkeys(GROUPS, 0.0)
    out["Launch and host"] = found.host
    for op in found.ops:
        if op.bound == "overhead":
            out["Launch and host"] += op.seconds
        elif op.name in ("attention", "projections"):
            out["Attention and cache"] += op.seconds
        else:
            out["Experts" if "experts" in op.name else "Shared, dense, head, other"] += op.seconds
    return out


def grades(found: Estimate) -> pd.DataFrame:
    """How sure each figure is and how it follows; routing with the objective that suits the design."""
    figures = [("Step", found.step), ("Rate", found.rate), *found.needs.rows]
    if found.fit is not None:
        figures += [(use.name, use.used) for use in found.fit.uses if use.name != "DRAM"]
    design = found.counts.design
    figures += routing_figures(design, suited(Plan(), design).objective).items()
    rows = []
    for name, figure in figures:
        shown = show(figure)
        rows.append(
            {
                "Figure": humanise(name) if name.islower() else name,
                "Value": f"{shown.value} {shown.unit}",
                "10–90 %": shown.band or "–",
                "Grade": shown.grade,
                "How it follows": FORMULAS[figure.formula],
            }
        )
    return pd.DataFrame(rows)


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
