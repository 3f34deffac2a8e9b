"""What a cost says as one JSON object: for `--json` and for the page's download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.cost.caveats import SOFTWARE, caveats
from core.cost.count import Counts
from core.cost.demand import Demand
from core.cost.estimate import Estimate
from core.cost.figure import Figure
from core.cost.format import THIN
from core.cost.formats import number_format
from core.cost.formulas import FORMULAS
from core.cost.memory import Memory
from core.cost.money import SPENT
from core.cost.stored import total_bytes
from core.design.problems import Problem

#: What needs a device, and is null without one.
_TIMED = ("time_s", "time_band_s", "tokens_per_s", "bound")
_MONEY = ("joules_per_token", "cost_per_million_tokens")
#: What needs a question that makes sense.
_ASKED = ("kv_bytes_per_token", "memory", *_TIMED, "flops", "bytes", "distinct_experts", *_MONEY)

_UNKNOWN: Mapping[str, object] = {
    "design": None,
    "sha": None,
    "parameters": dict.fromkeys(("total", "active_r1", "active_r2", "active_r3")),
}


def counted(counts: Counts) -> dict[str, object]:
    """Name, hash, and parameters by the three rules."""
    active = {f"active_{rule.lower()}": counts.active(rule) for rule in ("R1", "R2", "R3")}
    parameters = {"total": counts.total, **active}
    return {"design": counts.design.name, "sha": counts.design.sha, "parameters": parameters}


def refused(counts: Counts | None, problems: Sequence[Problem]) -> dict[str, object]:
    """The object where nothing can be said: every figure is null, of a design too that cannot be counted."""
    nothing = {**dict.fromkeys(_ASKED), "memory": dict.fromkeys(("weights_bytes", "peak_bytes"))}
    known = _UNKNOWN if counts is None else counted(counts)
    return {**known, **nothing, "problems": [_problem(p) for p in problems]}


def _problem(problem: Problem) -> dict[str, object]:
    return problem.model_dump(include={"code", "path", "severity", "message", "fix"})


def document(
    asks: Demand,
    step: Estimate | None,
    figures: Mapping[str, Figure],
    spent: Mapping[str, Figure] | None = None,
) -> dict[str, object]:
    """Everything that was asked, `step` on a device where one was named, and energy and money `spent`."""
    counts, load = asks.counts, asks.load
    number = number_format(load.numbers).width / 8
    out: dict[str, object] = {
        **counted(counts),
        "phase": load.phase,
        "batch": load.batch,
        "context": load.context,
        "weights": load.weights.name,
        "kv_bytes_per_token": counts.left_elements() * number,
        "memory": _memory(asks, step),
        **dict.fromkeys(_TIMED),
        "flops": asks.flops.value,
        "bytes": asks.bytes.value,
        "distinct_experts": None if asks.distinct is None else asks.distinct.figure.value,
        "problems": [],
        "caveats": [*_unfit(step), *step.caveats] if step else list(caveats(load)),
        "offload": _offload(asks),
        **_spent(spent or {}),
        "money": {name: figure.as_json() for name, figure in (spent or {}).items()},
        "plan": {**vars(load.parallel), "devices": load.parallel.devices},
        "distinct": _distinct(asks),
        "flops_by_part": [vars(part) for part in asks.parts],
        "figures": {name: figure.as_json() for name, figure in figures.items()},
        "parts": _parts(counts),
    }
    if step is not None:
        out |= {
            "time_s": step.step.value,
            "time_band_s": [step.step.low, step.step.high],
            "tokens_per_s": step.rate.value,
            "bound": step.bound,
            "estimate": _estimate(step),
        }
    used = [figure.formula for figure in figures.values()] + [asks.flops.formula, asks.bytes.formula]
    used += [figure.formula for figure in (spent or {}).values()]
    used += [step.step.formula, step.rate.formula] if step else []
    return out | {"formulas": {name: FORMULAS[name] for name in dict.fromkeys(used)}}


def _unfit(step: Estimate) -> list[str]:
    """That a target does not hold it, and what would mend that: the figures are those of one that did."""
    if step.fits:
        return []
    devices = step.load.parallel.devices
    where = f"{devices} x {step.title}" if devices > 1 else step.title
    mend = f" The smallest change that helps: {step.change}." if step.change else ""
    return [f"It does not fit {where}: {'; '.join(step.lacks)}.{mend}".replace(THIN, " ")]


def _memory(asks: Demand, step: Estimate | None) -> dict[str, object]:
    """Bytes of the fullest device. The peak is of tensors; a device needs room for driver and gaps too."""
    memory: Memory = step.needs if step else asks.memory
    rows = dict(memory.rows)
    stored = next(iter(rows.values()))
    return {
        "weights_bytes": rows.get("weights", stored).value,
        "peak_bytes": memory.peak.value,
        "needed_bytes": memory.total.value,
        "all_weights_bytes": total_bytes(asks.counts, asks.load.weights),
        "rows": {name: figure.as_json() for name, figure in rows.items()},
        "timeline": [{"moment": name, "bytes": value} for name, value in memory.timeline],
        "stage": memory.stage,
        "imbalance": memory.imbalance,
    }


def _spent(figures: Mapping[str, Figure]) -> dict[str, object]:
    """Joules and money as plain numbers, null where no power or no price is known."""
    found = {key: figures.get(name) for key, name in zip(_MONEY, SPENT, strict=True)}
    return {key: None if figure is None else figure.value for key, figure in found.items()}


def _offload(asks: Demand) -> dict[str, object] | None:
    """Where experts lie that do not lie on a device, and how many bytes they are."""
    how, beside = asks.load.offload, asks.beside
    if how is None or beside is None:
        return None
    return {"way": how.way, "layers": how.layers, "host": how.host.name, "bytes": beside.value}


def _distinct(asks: Demand) -> dict[str, object] | None:
    found = asks.distinct
    if found is None:
        return None
    return {**found.figure.as_json(), "of": found.experts, "fullest_device": found.rank}


def _parts(counts: Counts) -> list[dict[str, object]]:
    return [
        {
            "path": part.pointer,
            "kind": part.kind,
            "times": part.times,
            "parameters": part.parameters,
            "active": part.active,
            "flops_per_token": 2 * (part.gemm_macs + part.token_macs),
        }
        for part in counts.parts
    ]


def _software(step: Estimate) -> dict[str, object] | None:
    """The class of software that a step is timed as, and whether its stack was named or is assumed."""
    if step.software is None:
        return None
    words, stack = SOFTWARE[step.software], step.load.stack
    return {"class": step.software, "words": words, "stack": stack, "assumed": step.assumed}


def _estimate(step: Estimate) -> dict[str, Any]:
    out: dict[str, Any] = {
        "target": step.target,
        "phase": step.load.phase,
        "batch": step.load.batch,
        "context": step.load.context,
        "weights": step.load.weights.name,
        "time": step.step.as_json(),
        "rate": step.rate.as_json(),
        "memory": {name: figure.as_json() for name, figure in step.needs.rows},
        "available": step.has,
        "fits": step.fits,
        "lacks": list(step.lacks),
        "change": step.change,
        "operators": [vars(op) for op in step.ops],
        "host": step.host,
        "software": _software(step),
        "source": step.source,
    }
    if step.fit:
        uses = {use.name: {**use.used.as_json(), "available": use.available} for use in step.fit.uses}
        out |= {"resources": uses, "engine": str(step.fit.engine)}
    return out
